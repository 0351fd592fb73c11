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

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

import pandas as pd

import workbench as wb
from workbench.analyses.pathways.closing import GENERAL_FLOWS, MODES, Ranges
from workbench.analyses.pathways.ranges import Pathways
from workbench.analyses.pathways.sufficiency import Sufficiency, suffice
from workbench.data import MTF_TASKS
from workbench.errors import RunError
from workbench.interventions.depth import scaled_bin, scaled_window
from workbench.models import VideoLLM
from workbench.pages import try_png, write_html
from workbench.recipe import Recipe, console, refuse_other_model
from workbench.runs import Run
from workbench.statistics import curve_warnings

ALL, EACH = "all", "each"
SWEEP = "sweep"


@dataclass(frozen=True, kw_only=True)
class PathwaysSuffice(Recipe):
    """Are the effective pathways enough? Accuracy with all else closed, beside random edges (Tables 3, A)."""

    paper_tasks: ClassVar = MTF_TASKS
    sweep: Path | None = None
    """Folder of a sweep that is there already; if not given, the sweep is made first, in OUT/sweep."""
    flows: tuple[str, ...] = GENERAL_FLOWS
    """Flows to sweep, each in quotes. These seven are all that the modes can open or close."""
    window: str | None = None
    """Layers that the sweep cuts at once. If not given: the paper's centred(9) for 24 layers or more, scaled
    to the depth of smaller models."""
    bin: int | None = None
    """Layers a bin. If not given: the paper's 5 for 24 layers or more, scaled below that."""
    threshold: float = -5.0
    """Percent. A bin counts if its mean change is strictly below."""
    ranges: str = ALL
    """What the open layers are read off: "all" tasks together, one task (the paper: action_antonym), or
    "each" task its own."""
    held_out: bool = False
    """Read the open layers off every second sample of each task, and ask the others."""
    modes: tuple[str, ...] = MODES
    """What else is closed: faithful, strict, general."""
    controls: int = 3
    """Random controls for each mode."""
    spread: str = "even"
    """How random edges are spread over layers: even, as the paper, or matched to what the pathways close."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""
    engine: str = "incremental"
    """How knockouts are run."""

    def run(self) -> Sufficiency:
        """Find the pathways, close all else, print the table, and write it with its figure into `out`."""
        model = self.load_model()
        samples = self.load_samples(tasks=self.preferred_tasks())
        print(samples, flush=True)
        run = self._run(model, samples)
        known = run.table
        if self.held_out:
            asked = {sample.id for own in samples.by_task().values() for sample in own[1::2]}
            known = cast(pd.DataFrame, known[~known["sample_id"].isin(list(asked))])
            samples = samples.filter(lambda sample: sample.id in asked)
            print(f"Open layers from the other half; asked are {len(samples)} held-out samples.", flush=True)
        ranges = self.chosen_ranges(known, model.n_layers, tuple(samples.by_task()))
        found = suffice(
            model,
            samples,
            ranges,
            modes=self.modes,
            seeds=self.controls,
            spread=self.spread,
            engine=self.engine,
            out=self.out,
            style=self.style,
            frames=self.frames,
            seed=self.seed,
        )
        warnings = curve_warnings(known)
        figure = found.figure(note=" ".join(warnings))
        pathways = pd.concat([one.table.assign(task=task) for task, one in ranges.items()], ignore_index=True)
        pathways.to_csv(self.out / "pathways.csv", index=False, float_format="%.4f")
        page = write_html(figure, self.out / "pathways_suffice.html")
        written = [
            found.to_csv(self.out / "pathways_suffice.csv"),
            self.out / "pathways.csv",
            page,
            *try_png(figure, self.out / "pathways_suffice.png", html=page),
        ]
        console().print(_ranges_shown(ranges))
        console().print(found)
        print(found.headline(), flush=True)
        for warning in warnings:
            print(f"Note: {warning}", flush=True)
        if len(found.skipped):
            print(f"Skipped: {len(found.skipped)}, see {self.out / 'skipped.csv'}", flush=True)
        print("Written: " + ", ".join(str(path) for path in written), flush=True)
        return found

    def chosen_ranges(
        self, table: pd.DataFrame, n_layers: int, tasks: tuple[str, ...]
    ) -> dict[str, Pathways]:
        """The open layers of each task, read off a sweep's table."""
        size = scaled_bin(n_layers) if self.bin is None else self.bin

        def of(task: str | None) -> Pathways:
            return wb.pathways(table, bin=size, threshold=self.threshold, task=task)

        if self.ranges == EACH:
            swept = set(table["task"])
            missing = [task for task in tasks if task not in swept]
            if missing:
                raise RunError(
                    f"The sweep has no sample of {missing[0]!r} that the model answers correctly, so its "
                    "pathways are not known. Use more samples, other tasks, or --ranges all."
                )
            return {task: of(task) for task in tasks}
        shared = of(None if self.ranges == ALL else self.ranges)
        return dict.fromkeys(tasks, shared)

    def _run(self, model: VideoLLM, samples: Any) -> Run:
        if self.sweep is not None:
            run = wb.load_run(self.sweep)
            refuse_other_model(model, run.manifest, self.sweep, "sweep")
            return run
        window = scaled_window(model.n_layers) if self.window is None else self.window
        return wb.sweep(
            model,
            samples,
            self.flows,
            window,
            engine=self.engine,
            out=self.out / SWEEP,
            style=self.style,
            frames=self.frames,
            seed=self.seed,
        )


def _ranges_shown(ranges: Mapping[str, Ranges]) -> Any:
    """The open layers as a table, a row a task; one row where all tasks share them."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    shared = len({id(own) for own in ranges.values()}) == 1
    rows = {"all tasks": next(iter(ranges.values()))} if shared else ranges
    flows = [flow for flow in GENERAL_FLOWS if any(flow in own for own in rows.values())]
    shown = Table(title="Open layers", box=box.SIMPLE_HEAD)
    for name in ("ranges of", *flows):
        shown.add_column(escape(name), justify="left" if name == "ranges of" else "right")
    for task, own in rows.items():
        spans = ["{}-{}".format(*own[flow]) if flow in own else "-" for flow in flows]
        shown.add_row(escape(task), *spans)
    return shown
