"""Which flows does each word of an answer need? Knockouts at every step of writing.

Map the Flow follows the first token of an answer. Here every clip is asked for a longer one, the model
writes it, and every token is followed under every cut, what was written before it staying as it is. So words
that are read off the video stand apart from words that follow from the words before them.
"""

from __future__ import annotations

from dataclasses import dataclass

import workbench as wb
from workbench.analyses.answers import first_of_each_task
from workbench.analyses.writing import FlowsWhileWriting
from workbench.pages import Part, write_figure
from workbench.recipe import Count, Prompting, say


@dataclass(frozen=True, kw_only=True)
class WhileWriting(Prompting):
    """Which flows does each word of an answer need? Cuts at every step of writing."""

    question: str = "What is in the video?"
    """What every clip is asked instead of its own question, in quotes; "" asks the samples' own."""
    stem: str = "There is"
    """Words that open the answer to `question`, in quotes; "" for none."""
    flows: tuple[str, ...] = (
        "frames -> later frames",
        "video -> question",
        "video -> last",
        "question -> last",
        "last -> last",
        "generated -> last",
    )
    """Flows to cut, each in quotes; `generated -> last` is what a token reads of the tokens before it."""
    window: str = "all_layers"
    """Layers that are cut at once, for example "centred(3)", which gives pictures by layer."""
    steps: str = "each"
    """When rows that write are cut: each (a token at its own step alone), all, or steps such as 3,4."""
    engine: str = "incremental"
    """incremental; incremental-float32 for weights of less than float32; or reference, one forward a
    knockout, and one a step where each is cut alone."""
    max_new_tokens: Count = 48
    """Most tokens of an answer."""
    pictures: Count = 1
    """Answers of each task that get a picture, the first ones."""

    def run(self) -> FlowsWhileWriting:
        """Write, cut, print what each flow costs, and write tokens.parquet, writing.csv and a page with
        answers word by word, flows_while_writing.html and .png, into `out`."""
        samples = self.load_samples()
        samples = samples.asked(self.question, stem=self.stem or None) if self.question else samples
        model = self.load_model()
        say(samples)
        how = {"steps": self.steps, "max_new_tokens": self.max_new_tokens, "engine": self.engine}
        found = wb.flows_while_writing(
            model, samples, self.flows, self.window, out=self.out, **how, **self.prompting
        )
        summary = found.summary(seed=self.seed)
        table = self.write_csv(summary, "writing.csv")
        say(summary.round(1).to_string(index=False))
        shown = [sample.id for sample in first_of_each_task(samples, found.table["sample_id"], self.pictures)]
        parts = [Part(name, found.figure(name)) for name in shown[1:]]
        figure = found.figure(shown[0])
        written = write_figure(figure, self.out / "flows_while_writing", f"Answer to {shown[0]}", parts)
        self.wrote(self.out / "tokens.parquet", table, *written, skipped=found.skipped)
        return found
