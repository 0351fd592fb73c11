"""How many questions does the untouched model answer correctly? Accuracy a task, with a 95% interval."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.analyses.answers import Accuracy, accuracy
from workbench.recipe import Count, Prompting, console, data_source, say

HELD_OUT = 500
"""Clips a task that the embedded model is evaluated on; more than ship with it, so the rest is made."""


@dataclass(frozen=True, kw_only=True)
class Evaluate(Prompting):
    """How many questions does the untouched model answer correctly? Accuracy a task (95% Wilson interval).

    On the data set mini all tasks are asked, time-reversed twins and stills among them: 500 clips of each
    that the model has not seen, most of them made on the spot. --limit takes fewer.
    """

    batch: Count = 8
    """Questions a forward, where their prompts have the same length."""

    def run(self) -> Accuracy:
        """Ask every question, print the table, and write accuracy.csv and samples.parquet."""
        name, _ = data_source(self.data)
        samples = self.load_samples(limit=HELD_OUT if name.partition("/")[0] == "mini" else None)
        model = self.load_model()
        say(samples)
        found = accuracy(model, samples, out=self.out, batch=self.batch, **self.prompting)
        console().print(found)
        self.wrote(found.to_csv(self.out / "accuracy.csv"), self.out / "samples.parquet")
        return found
