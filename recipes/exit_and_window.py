"""What does it cost to let the video leave? An Empirical Study, Table 1, with measured time and memory.

The video leaves after layer 18 of 28, and frames stay apart in layers 1 to 8 (scaled in models under 24): the
paper loses under 2 points with 37% of the attention pairs. Beside it stand FastV, which drops the half of the
video that is looked at least after layer 2, and as many rows at random; and, where a sweep of Map the Flow is
given, its effective pathways alone, block by block.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses import study as es
from workbench.data import MTF_TASKS
from workbench.interventions import scaled_bin, scaled_layer
from workbench.pages import write_figure
from workbench.recipe import Studying, console, frame_shown, given_run, say
from workbench.runs import first_prompts


@dataclass(frozen=True, kw_only=True)
class ExitAndWindow(Studying):
    """What does it cost to let the video leave? Accuracy, operations, time and memory in one table."""

    paper_tasks: ClassVar = MTF_TASKS
    exit_after: int | None = None
    """The last layer with video; the paper's 18 of 28 layers, or the same share, if not given."""
    frame_local: int | None = None
    """Frames are apart in layers 1 to this one, 0 for none; the paper's 8 of 28, or the same share."""
    sweep: Path | None = None
    """Folder of a sweep of Map the Flow, same model: its effective pathways alone are a case too."""
    timed: int = 3
    """Prompts whose time and memory are measured, the first ones."""
    repeats: int = 5
    """How often each is read in each case."""

    def run(self) -> pd.DataFrame:
        """Measure, print the table, and write study.parquet, exit_and_window.csv and the figure."""
        samples, model = self.load_samples(), self.load_model()
        n = model.n_layers
        leave = scaled_layer(es.EXIT_AFTER, n) if self.exit_after is None else self.exit_after
        apart = scaled_layer(es.FRAME_LOCAL, n) if self.frame_local is None else self.frame_local
        cases = es.savings(leave, apart, n, seed=self.seed)
        if self.sweep is not None:
            ranges = wb.pathways(given_run(self.sweep, model), bin=scaled_bin(n))
            cases.append(es.pathways_alone(ranges, n))
        say("\n".join([str(samples), *(f"{case.name}: {case.intervention}" for case in cases)]))
        written = (es.UNTOUCHED, es.NO_VIDEO, *(case.name for case in cases))
        found = es.study(model, samples, cases, written=written, out=self.out, **self.studying)
        prompts = first_prompts(model, samples, self.timed, **self.prompting)
        cost = es.costs(model, prompts, cases, repeats=self.repeats)
        shares = es.case_shares(found.table, self.task_groups)
        table = shares.merge(cost, on="case", how="left")
        figure = wb.figures.accuracy_by_case(
            shares.loc[shares["group"] == "all"],
            title="What it costs to let the video leave",
            subtitle=f"Exit after layer {leave} of {n}; frames apart in layers 1 to {apart}. At the right, "
            "percent of the untouched model: attention pairs / operations / time to read the prompt.",
            beside=es.costs_in_short(cost),
        )
        stored = [self.write_csv(table, "exit_and_window.csv")]
        stored += write_figure(figure, self.out / "exit_and_window")
        columns = ["case", "accuracy_percent", "low_percent", "high_percent", "written_percent"]
        shown = table.loc[table["group"] == "all", [*columns, "lost_points", *cost.columns[2:]]]
        console().print(frame_shown(shown, f"Exit and window on {model.device}", digits=1))
        self.wrote(*stored, skipped=found.skipped)
        return table
