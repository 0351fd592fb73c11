"""Where must frames read one another? Map the Flow's Table 2 and B.

Frames cannot read earlier frames in the first half of the layers, or in the second. Right answers that turn
wrong are the accuracy drop: large in the first half and small in the second, in the paper's video-tuned
models. The same cut while the model writes shows what it says instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.analyses.answers import first_of_each_task, generations
from workbench.analyses.sweep import accuracy_drop
from workbench.data import MTF_TASKS
from workbench.figures import accuracy_drops
from workbench.interventions import Knockout
from workbench.pages import Part, write_figure
from workbench.recipe import Count, Sweeping, Whole, console, say
from workbench.runs import Run


@dataclass(frozen=True, kw_only=True)
class CrossFrameHalves(Sweeping):
    """Where must frames read one another? Accuracy drop of a cut in each half (Map the Flow, Table 2)."""

    paper_tasks: ClassVar = MTF_TASKS
    flow: str = "frames -> later frames"
    """The flow to cut, in quotes; `workbench list flows` shows the papers' own."""
    examples: Whole = 2
    """Example answers a task, before and after each cut: the first samples that are answered correctly."""
    max_new_tokens: Count = 16
    """Most tokens of an example answer."""

    def run(self) -> Run:
        """Sweep, print the drops and the examples, and write accuracy_drop.csv, examples.csv and
        cross_frame_halves.png and .html into `out`."""
        samples, model = self.load_samples(), self.load_model()
        say(samples)
        halves = [wb.first_half(), wb.second_half()]
        run = wb.sweep(model, samples, self.flow, halves, out=self.out, **self.sweeping)
        drops = accuracy_drop(run.table)
        shown = drops.drop(columns=["flow", "layer", "first_layer", "last_layer"]).round(1)
        say(shown.to_string(index=False))
        self.write_csv(drops, "accuracy_drop.csv")
        below = []
        if self.examples:
            said = generations(
                model,
                first_of_each_task(samples, run.table["sample_id"], self.examples),
                {str(half.kind): Knockout.of(self.flow, half.expand(model.n_layers)[0]) for half in halves},
                max_new_tokens=self.max_new_tokens,
                **self.prompting,
            )
            console().print(said)
            said.to_csv(self.out / "examples.csv")
            below = [Part(f"Example answers: the first {self.examples} right ones of each task", said)]
        page, *_ = write_figure(
            accuracy_drops(drops),
            self.out / "cross_frame_halves",
            "Where frames must read one another",
            below,
        )
        self.wrote(page, also="the tables beside it")
        return run
