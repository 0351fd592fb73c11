"""Did it use time? A certificate for each answer, from measured facts.

Each question is asked again with the video hidden, with other clips, with its frames reversed and shuffled in
place, with one frame in every place, and with attention between frames cut beside as many random edges. A
stated rule says whether the answer rests on time, on what a still shows, or on the words alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.analyses.use_of_time import TimeUse
from workbench.data import MTF_TASKS
from workbench.pages import write_figure
from workbench.recipe import Count, Prompting, Whole, console, say


@dataclass(frozen=True, kw_only=True)
class UseOfTime(Prompting):
    """Did it use time? For each answer: uses time, static shortcut, language prior, or undecided."""

    paper_tasks: ClassVar = MTF_TASKS
    others: Count = 6
    """Clips of other samples that are shown in place of a sample's own."""
    shuffles: Count = 4
    """Orders of the frames that are shown, beside the reversal."""
    controls: Whole = 2
    """Draws of random edges, as many as the cut between frames removes."""
    examples: Whole = 1
    """Certificates that are printed whole: the first so many of each verdict."""

    def run(self) -> TimeUse:
        """Ask, print the shares and some certificates, and write facts.parquet, verdicts.csv, tasks.csv and
        use_of_time.png and .html into `out`."""
        samples = self.load_samples()
        model = self.load_model()
        say(samples)
        numbers = {"others": self.others, "shuffles": self.shuffles, "controls": self.controls}
        found = wb.use_of_time(model, samples, **numbers, seed=self.seed, out=self.out, **self.prompting)
        tables = [
            self.write_csv(found.verdicts, "verdicts.csv"),
            self.write_csv(found.tasks, "tasks.csv"),
        ]
        for _, rows in found.verdicts.groupby("verdict", sort=False):
            for sample_id in rows["sample_id"].head(self.examples):
                console().print(found.certificate(sample_id))
        console().print(found)
        figure = write_figure(found.figure(), self.out / "use_of_time")
        self.wrote(self.out / "facts.parquet", *tables, *figure, skipped=found.skipped)
        return found
