"""Do the pathways need options? Map the Flow's appendix C, Fig. Q, R and S.

The options are removed and the answer is opened by a stem ("The red circle moves"), so that the next word is
the answer. Without options, the question must carry to the last row what the video shows.

Samples need a `stem` and an `open_answer` in their annotation. The embedded clips have them; TVBench has not:
add both keys to the entries of the tasks that you want to ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.analyses.answers import first_of_each_task, generations
from workbench.interventions import Knockout
from workbench.pages import Part, write_figure
from workbench.recipe import Count, Whole, Windowed, console, one_range, say
from workbench.runs import Run
from workbench.statistics import curve_table


@dataclass(frozen=True, kw_only=True)
class OpenEnded(Windowed):
    """Do the pathways need options? The sweep and the answers without them (Map the Flow, Fig. Q-S)."""

    paper_tasks: ClassVar = ("action_antonym", "moving_direction", "object_count")
    style: ClassVar[None] = None  # pyright: ignore[reportIncompatibleVariableOverride] - no setting: open
    flows: tuple[str, ...] = (
        "frames -> later frames",
        "video -> nonoption",
        "nonoption -> last",
        "video -> last",
    )
    """Flows to cut, each in quotes; `workbench list flows` shows the papers' own."""
    answers_window: str = "all_layers"
    """Layers in which each flow is cut while the model writes the example answers, for example
    "first_half" or "layers(5, 9)"."""
    examples: Whole = 2
    """Example answers a task, before and after each cut: the first samples that are answered correctly."""
    max_new_tokens: Count = 8
    """Most tokens of an example answer. New tokens inherit what the last row may not see."""
    only_correct: bool = True
    """Keep to the samples that the untouched model answers correctly, as the paper does."""

    def run(self) -> Run:
        """Sweep, print example answers, follow the true word through the layers, and write open_ended.csv,
        .png, .html, examples.csv and true_word.csv into `out`."""
        samples, model = self.load_samples().open_ended(), self.load_model()
        window = self.window_in(model.n_layers)
        cut_in = one_range(self.answers_window, model.n_layers, option="answers-window")
        say(samples)
        say(f"{model.name}: {model.n_layers} layers, each flow cut in {window}")
        told = {"only_correct": self.only_correct, "seed": self.seed}
        run = wb.sweep(model, samples, self.flows, window, out=self.out, **self.sweeping | told)
        self.write_csv(curve_table(run.table, seed=self.seed), "open_ended.csv")
        below = []
        if self.examples:
            chosen = first_of_each_task(samples, run.table["sample_id"], self.examples)
            cuts = {flow: Knockout.of(flow, cut_in) for flow in self.flows}
            said = generations(model, chosen, cuts, max_new_tokens=self.max_new_tokens, **self.prompting)
            console().print(said)
            said.to_csv(self.out / "examples.csv")
            below.append(Part(f"Answers in words, each flow cut in {self.answers_window}", said))
        words = wb.answer_probability(model, samples, out=self.out / "answer_probability", **self.prompting)
        self.write_csv(words.curves(**told), "true_word.csv", "%.6f")
        below.append(Part("Probability of the true word after each layer", words.figure(**told)))
        figure = run.figure(title="Open-ended questions: what the answer loses when a flow is cut")
        page, *_ = write_figure(figure, self.out / "open_ended", "Open-ended questions", below)
        self.wrote(page, also="the tables beside it")
        return run
