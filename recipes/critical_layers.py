"""In which few layers does each kind of attention matter? An Empirical Study, Fig. 6.

Each kind of attention is cut in windows of 4 neighbouring layers of 28 (scaled in models under 24). A window
stands out where it costs more right answers than the windows that share no layer with it, by a paired test
that is corrected for all windows and flows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.study import (
    STUDY_FLOWS,
    case_shares,
    critical_layers,
    in_window,
    study,
    study_window,
    window_tests,
)
from workbench.data import MTF_TASKS
from workbench.interventions import parse_window
from workbench.pages import write_figure
from workbench.recipe import Studying, console, frame_shown


@dataclass(frozen=True, kw_only=True)
class CriticalLayers(Studying):
    """In which few layers does each kind of attention matter? Windows that cost more than the others."""

    paper_tasks: ClassVar = MTF_TASKS
    flows: tuple[str, ...] = STUDY_FLOWS
    """Flows to cut, each in quotes; the paper's three kinds if not given."""
    window: str | None = None
    """Layers that are cut at once, for example "trailing(4)", which is the paper's; scaled in models of less
    than 24 layers if not given."""

    def run(self) -> pd.DataFrame:
        """Measure, name the layers that stand out, and write study.parquet, three tables and the figure."""
        samples, model = self.load_samples(), self.load_model()
        window = study_window(model.n_layers) if self.window is None else parse_window(self.window)
        print(samples, f"{len(self.flows)} flows, each cut in {window}", sep="\n", flush=True)
        cases = [case for flow in self.flows for case in in_window(flow, window, model.n_layers)]
        found = study(model, samples, cases, out=self.out, **self.studying)
        shares, tests = (
            case_shares(found.table, self.task_groups),
            window_tests(found.table, self.task_groups, seed=self.seed),
        )
        layers = pd.DataFrame(
            [row for group in dict.fromkeys(tests["group"]) for row in critical_layers(tests, group)],
            columns=pd.Index(["group", "case", "first_layer", "last_layer", "change_points"]),
        )
        figure = wb.figures.change_by_window(shares, tests)
        tables = {"shares.csv": shares, "windows.csv": tests, "critical_layers.csv": layers}
        stored = [self.write_csv(table, name) for name, table in tables.items()]
        stored += write_figure(figure, self.out / "critical_layers")
        console().print(frame_shown(layers, f"Critical layers: what windows in {window} point at"))
        self.wrote(*stored, skipped=found.skipped)
        return tests
