"""How many questions does the untouched model answer correctly? By task, overall, by group and by facet."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.analyses.answers import Accuracy, accuracy
from workbench.recipe import Count, Prompting, console, data_source, say

HELD_OUT = 500
"""Clips a task that the embedded model is evaluated on; more than ship with it, so the rest is made."""


@dataclass(frozen=True, kw_only=True)
class Evaluate(Prompting):
    """How many questions does the untouched model answer correctly? By task and overall, 95% intervals.

    Groups (pairs) count as a whole beside single questions, and facets are broken down, where the data have
    them. On the data set mini all tasks are asked, time-reversed twins and stills among them: 500 clips of
    each that the model has not seen, most of them made on the spot. --limit takes fewer.
    """

    batch: Count = 8
    """Questions a forward, where their prompts have the same length."""
    ask: str = "first_token"
    """first_token, the token ranked first of all; likelihood, the letter ranked first of the options';
    generation, what the model writes."""
    max_new_tokens: Count = 16
    """How long written answers may be."""
    scoring: str = "workbench"
    """How a letter is read out of a written answer: workbench, or lmms-eval's rule for a benchmark
    (lmms_tvbench, ..); `workbench list scorings` shows all."""

    def run(self) -> Accuracy:
        """Ask every question, print the tables, and write accuracy.csv, scores.csv and samples.parquet."""
        name, _ = data_source(self.data)
        samples = self.load_samples(limit=HELD_OUT if name.partition("/")[0] == "mini" else None)
        model = self.load_model()
        say(samples)
        found = accuracy(
            model,
            samples,
            ask=self.ask,
            max_new_tokens=self.max_new_tokens,
            scoring=self.scoring,
            out=self.out,
            batch=self.batch,
            **self.prompting,
        )
        console().print(found)
        self.wrote(
            found.to_csv(self.out / "accuracy.csv"),
            self.write_csv(found.scores(), "scores.csv"),
            self.out / "samples.parquet",
        )
        return found
