"""Until which layer does text read the video? An Empirical Study, Global 1 (Fig. 3 and 4).

The video is cut from all text in every layer after i: equal to taking it out of the model there. Accuracy
rises with i from what is answered without video to that of the untouched model. The knee is the first layer
from which on 90% of that rise is kept. The paper lets the video leave after two thirds of the layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.study import (
    NO_VIDEO,
    STUDY_FLOWS,
    UNTOUCHED,
    by_depth,
    case_shares,
    depths,
    knees_of,
    study,
)
from workbench.data import MTF_TASKS
from workbench.pages import write_figure
from workbench.recipe import Studying, console, frame_shown, say


@dataclass(frozen=True, kw_only=True)
class TwoStages(Studying):
    """Until which layer does text read the video? Accuracy with it cut after each layer, and the knee."""

    paper_tasks: ClassVar = MTF_TASKS
    also: tuple[str, ...] = ()
    """More data sets, each as in --data, to stand beside the first in the figure."""

    def run(self) -> pd.DataFrame:
        """Measure, print the knees, and write study.parquet, shares.csv, knees.csv and two figures."""
        more = [replace(self, data=data, tasks=()) for data in self.also]
        sets, groups = [recipe.load_samples() for recipe in (self, *more)], self.task_groups
        model = self.load_model()
        shares, knees = [], []
        for place, samples in enumerate(sets):
            say(samples)
            cases = by_depth(STUDY_FLOWS[0], depths(model.n_layers), model.n_layers)
            out = self.out / f"data_{place + 1}" if place else self.out
            found = study(model, samples, cases, written=(UNTOUCHED, NO_VIDEO), out=out, **self.studying)
            named = None if place else groups
            shares.append(case_shares(found.table, named).assign(data=samples.name))
            knees.append(
                knees_of(found.table, model.n_layers, named, seed=self.seed).assign(data=samples.name)
            )
        share, knee = pd.concat(shares, ignore_index=True), pd.concat(knees, ignore_index=True)
        written = [self.write_csv(share, "shares.csv"), self.write_csv(knee, "knees.csv")]
        every, all_knees = (table.loc[table["group"] == "all"] for table in (share, knee))
        figure = wb.figures.accuracy_by_depth(every, all_knees, model.n_layers)
        written += write_figure(figure, self.out / "two_stages")
        figure = wb.figures.accuracy_by_depth(share, knee, model.n_layers, ratio=True)
        written += write_figure(figure, self.out / "two_stages_by_group")
        console().print(frame_shown(knee, "The knee: until which layer text reads the video"))
        self.wrote(*written)
        return knee
