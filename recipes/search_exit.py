"""Which exit and which frame-local layers save most within an accuracy floor?

Every exit with every number of early layers in which frames are apart is measured: accuracy, and the time of
reading a prompt. The fastest case within the floor is chosen on one half of the samples; the other half says
what it loses, and whether there are enough samples to tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.study import accelerations, choose_case, costs, search_table, study
from workbench.data import MTF_TASKS
from workbench.interventions import scaled_layer, spread_layers
from workbench.pages import write_figure
from workbench.recipe import Studying, console, frame_shown
from workbench.runs import first_prompts


@dataclass(frozen=True, kw_only=True)
class SearchExit(Studying):
    """Which exit and frame-local layers save most within an accuracy floor? Chosen on half of the samples."""

    paper_tasks: ClassVar = MTF_TASKS
    floor: float = 2.0
    """Points of accuracy that may be lost, at most."""
    exits: tuple[int, ...] = ()
    """Last layers with video; about 5 from a quarter of the layers to the last if not given."""
    windows: tuple[int, ...] = ()
    """Numbers of early layers in which frames are apart; none, and the paper's 8 of 28, if not given."""
    by: str = "prefill_percent"
    """What is to be small: prefill_percent, flops_percent, pairs_percent or kv_percent."""
    timed: int = 2
    """Prompts whose time is measured, the first ones."""
    repeats: int = 5
    """How often each is read in each case."""

    def run(self) -> pd.DataFrame:
        """Measure, choose, print, and write study.parquet, search.csv, chosen.csv and the Pareto figure."""
        samples, model = self.load_samples(), self.load_model()
        n = model.n_layers
        exits = self.exits or tuple(layer for layer in spread_layers(n, 6) if layer >= n / 4)
        windows = self.windows or (0, scaled_layer(8, n))
        cases = accelerations(exits, windows, n)
        print(
            samples, f"{len(cases)} cases: exits {exits}, frames apart in 1..{windows}", sep="\n", flush=True
        )
        found = study(model, samples, cases, out=self.out, **self.studying)
        prompts = first_prompts(model, samples, self.timed, **self.prompting)
        cost = costs(model, prompts, cases, repeats=self.repeats)
        table = search_table(found.table, cost, cases)
        chosen = choose_case(found.table, cost, floor_points=self.floor, by=self.by)
        lost = f"{chosen.held_out_lost:.1f} points ({chosen.held_out_low:.1f} to {chosen.held_out_high:.1f})"
        said = f"{chosen.case}: the other half of the samples loses {lost}."
        figure = wb.figures.pareto(table, chosen=chosen.case, caption=said, note=chosen.note)
        choice = pd.DataFrame([chosen])
        stored = [self.write_csv(table, "search.csv"), self.write_csv(choice, "chosen.csv")]
        stored += write_figure(figure, self.out / "search_exit")
        columns = [
            "case",
            "accuracy_percent",
            "pairs_percent",
            "flops_percent",
            "prefill_percent",
            "on_front",
        ]
        console().print(frame_shown(table.loc[:, columns], "Every exit and window", digits=1))
        print(said, flush=True)
        self.note([chosen.note] if chosen.note else [])
        self.wrote(*stored, skipped=found.skipped)
        return table
