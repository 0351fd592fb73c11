"""Which attention do answers need? An Empirical Study, Global 2 (Fig. 5).

One kind of attention is cut in all layers: from text to the video (language-to-video), between frames
(temporal), or inside frames (spatial). In the paper language-to-video dominates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.study import STUDY_FLOWS, UNTOUCHED, case_shares, everywhere, study
from workbench.data import MTF_TASKS
from workbench.pages import write_figure
from workbench.recipe import Studying, console, frame_shown


@dataclass(frozen=True, kw_only=True)
class WhichAttention(Studying):
    """Which attention do answers need? Accuracy with one kind of it cut in all layers."""

    paper_tasks: ClassVar = MTF_TASKS
    flows: tuple[str, ...] = STUDY_FLOWS
    """Flows to cut, each in quotes; the paper's three kinds if not given."""

    def run(self) -> pd.DataFrame:
        """Measure, print the accuracies, and write study.parquet, which_attention.csv and the figure."""
        samples, model = self.load_samples(), self.load_model()
        print(samples, flush=True)
        cases = everywhere(self.flows, model.n_layers)
        written = (UNTOUCHED, *(case.name for case in cases))
        found = study(model, samples, cases, written=written, out=self.out, **self.studying)
        shares = case_shares(found.table, self.task_groups)
        figure = wb.figures.accuracy_by_case(
            shares,
            title="Which attention do answers need?",
            subtitle="Right answers, with 95% intervals, where one kind of attention is cut in all layers.",
        )
        stored = [self.write_csv(shares, "which_attention.csv")]
        stored += write_figure(figure, self.out / "which_attention")
        shown = ["group", "case", "samples", "accuracy_percent", "lost_points", "lost_low", "lost_high"]
        columns = [*shown, "written_percent", "written_differs", "no_video_percent", "chance_percent"]
        console().print(frame_shown(shares.loc[shares["group"] == "all", columns], "Cut in all layers"))
        self.wrote(*stored, skipped=found.skipped)
        return shares
