"""In which layers does each flow carry the answer? Map the Flow, section 3.5 and Table E, for several models.

The layers are divided into bins. A bin counts if the answer's probability falls by more than the threshold,
on average, when the flow is cut around its layers. A flow's range runs from its first to its last such bin.
The paper reads the ranges off one task (--tasks action_antonym); here all tasks that are swept count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import workbench as wb
from workbench.analyses.pathways import (
    GENERAL_FLOWS,
    Pathways,
    bins_of,
    effective_layers,
    ranges_of_models,
    rows_used,
)
from workbench.data import MTF_TASKS
from workbench.pages import write_figure
from workbench.recipe import Binned, console, given_runs, say
from workbench.runs import Run
from workbench.statistics import curve_warnings


@dataclass(frozen=True, kw_only=True)
class EffectivePathways(Binned):
    """In which layers does each flow carry the answer? Layer ranges of models (Map the Flow, Table E)."""

    paper_tasks: ClassVar = MTF_TASKS
    models: tuple[str, ...] = ()
    """More models, to stand beside --model in one table."""
    runs: tuple[Path, ...] = ()
    """Folders of sweeps that are there already, one for each model that need not be swept again."""
    flows: tuple[str, ...] = GENERAL_FLOWS[:5]
    """Flows to cut where a model is swept, each in quotes."""

    def run(self) -> dict[str, Pathways]:
        """Sweep what has no run, print the ranges, and write pathways.csv, ranges.csv and the figure."""
        names = (self.model, *self.models)
        given = given_runs(self.runs, names)
        found: dict[str, Pathways] = {}
        warnings: list[str] = []
        for name in names:
            run = given.get(name) or self._sweep(name)
            one = self.pathways_of(run, int(run.table["layer"].to_numpy().max()), self.tasks or None)
            found[name] = one
            warnings += [f"{name}, {warning}" for warning in curve_warnings(rows_used(run.table, one))]
        bins, ranges = bins_of(found, "model"), ranges_of_models(found)
        tables = [self.write_csv(bins, "pathways.csv"), self.write_csv(ranges, "ranges.csv")]
        figure = wb.figures.staged_flow(
            bins, title="Effective pathways: in which layers each flow matters", note=" ".join(warnings)
        )
        written = [*tables, *write_figure(figure, self.out / "effective_pathways")]
        for name, one in found.items():
            say(f"\n{name}")
            console().print(one)
        console().print(effective_layers(ranges))
        self.note(warnings)
        self.wrote(*written)
        return found

    def _sweep(self, name: str) -> Run:
        samples, model = self.load_samples(), self.load_model(name)
        window = self.window_in(model.n_layers)
        say(f"{name}: {samples}, {len(self.flows)} flows in {window}")
        out = self.out / re.sub(r"[^\w.-]+", "_", name).strip("_.")
        return wb.sweep(model, samples, self.flows, window, out=out, **self.sweeping)
