"""Are the effective pathways enough? Map the Flow, section 3.5, Tables 3 and A.

Everything but the pathways is closed, and the questions are asked again; then as many edges are closed at
random. In the paper the pathways keep the accuracy with 40 to 58% of the edges, and random edges of the same
number do not. Three readings of "everything but": faithful (the paper's, which leaves a way round by the
rows after the question), strict (without that way), general (the sweep decides on video -> last too).

A model has one range a flow, as in the paper. With --ranges each, every task has its own: fewer edges stay
open, and what a task can do by two ways may be lost, since a sweep that cuts one flow at a time finds neither
of them needed. The ranges are read off the same samples that are then asked, as in the paper; with
--held-out they are read off one half and the other half is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import workbench as wb
from workbench.analyses.pathways import (
    GENERAL_FLOWS,
    MODES,
    Sufficiency,
    bins_of,
    open_layers,
    ranges_by_task,
)
from workbench.data import MTF_TASKS
from workbench.pages import write_figure
from workbench.recipe import Binned, Whole, console, say
from workbench.statistics import curve_warnings


@dataclass(frozen=True, kw_only=True)
class PathwaysSuffice(Binned):
    """Are the effective pathways enough? Accuracy with all else closed, beside random edges (Tables 3, A)."""

    paper_tasks: ClassVar = MTF_TASKS
    sweep: Path | None = None
    """Folder of a sweep that is there already; if not given, the sweep is made first, in OUT/sweep."""
    flows: tuple[str, ...] = GENERAL_FLOWS
    """Flows to sweep, each in quotes. These seven are all that the modes can open or close."""
    ranges: str = "all"
    """What the open layers are read off: "all" tasks together, one task (the paper: action_antonym), or
    "each" task its own."""
    held_out: bool = False
    """Read the open layers off every second sample of each task, and ask the others."""
    modes: tuple[str, ...] = MODES
    """What else is closed: faithful, strict, general."""
    controls: Whole = 3
    """Random controls for each mode."""
    spread: str = "even"
    """How random edges are spread over layers: even, as the paper, or matched to what the pathways close."""

    def run(self) -> Sufficiency:
        """Find the pathways, close all else, print the table, and write it with its figure into `out`."""
        samples, model = self.load_samples(), self.load_model()
        say(samples)
        window, out = self.window_in(model.n_layers), self.out / "sweep"
        table = self.given_or_swept(self.sweep, model, samples, self.flows, window, out=out).table
        if self.held_out:
            asked = {sample.id for own in samples.by_task().values() for sample in own[1::2]}
            table = table.loc[~table["sample_id"].isin(list(asked))]
            samples = samples.filter(lambda sample: sample.id in asked)
            say(f"Open layers from the other half; asked are {len(samples)} held-out samples.")
        ranges = ranges_by_task(table, samples.tasks, self.ranges, **self.binning(model.n_layers))
        closed = {"modes": self.modes, "seeds": self.controls, "spread": self.spread, "out": self.out}
        found = wb.suffice(model, samples, ranges, **closed, **self.knocking)
        warnings = curve_warnings(table)
        bins = self.write_csv(bins_of(ranges, "task"), "pathways.csv")
        figure = write_figure(found.figure(note=" ".join(warnings)), self.out / "pathways_suffice")
        console().print(open_layers(ranges))
        console().print(found)
        say(found.headline())
        self.note(warnings)
        self.wrote(found.to_csv(self.out / "pathways_suffice.csv"), bins, *figure, skipped=found.skipped)
        return found
