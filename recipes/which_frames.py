"""Which frames mattered? Each frame, pair of frames, cell or head is cut by itself.

Hiding a frame also cuts so many edges. So each cut stands beside as many random edges of the same queries,
and a star says that the answer loses more than with those. Attention sinks, rows that draw attention and hand
on next to nothing, are found in every prompt and cut apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.analyses.places import Mattered
from workbench.data import MTF_TASKS
from workbench.pages import Part, write_figure
from workbench.recipe import Sweeping, Whole, say


@dataclass(frozen=True, kw_only=True)
class WhichFrames(Sweeping):
    """Which frames, pairs of frames, cells or heads mattered? Each cut alone, beside as many random edges."""

    paper_tasks: ClassVar = MTF_TASKS
    each: str = "frame"
    """What is cut by itself: frame, "frame pair", cell, location (a cell in all frames) or head."""
    to: str | None = None
    """The rows that lose it, for example last or question; all that comes after it if not given."""
    draws: Whole = 1
    """Random controls for each frame, pair or location and sample."""
    probability: bool = False
    """Tell the change of the probability, in percent, instead of that of the log-odds."""

    def run(self) -> Mattered:
        """Cut, print what mattered most, and write which_TASK.png and .html, what_mattered.csv and sinks.csv
        into `out`."""
        samples, model = self.load_samples(), self.load_model()
        say(samples)
        found = wb.what_mattered(
            model, samples, self.each, to=self.to, draws=self.draws, out=self.out, **self.sweeping
        )
        if self.probability:
            found = found.measured_by("probability")
        say(found)
        self.write_csv(found.table, "what_mattered.csv")
        self.write_csv(found.sinks, "sinks.csv")
        for task in found.table["task"].unique():
            below = (
                [Part("Attention sinks, cut apart", found.sinks.round(3).to_string(index=False))]
                if len(found.sinks)
                else []
            )
            path = self.out / f"which_{task}"
            page, *_ = write_figure(found.figure(task), path, f"Which {self.each}s mattered", below)
            self.wrote(page, also="the tables beside it")
        return found
