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
from workbench.analyses.answers.generations import first_of_each_task, generations
from workbench.interventions import Knockout, parse_window
from workbench.interventions.depth import scaled_windows
from workbench.pages import Part, try_png, write_page
from workbench.recipe import Recipe, console
from workbench.runs import Run
from workbench.statistics import curve_table


@dataclass(frozen=True, kw_only=True)
class OpenEnded(Recipe):
    """Do the pathways need options? The sweep and the answers without them (Map the Flow, Fig. Q-S)."""

    paper_tasks: ClassVar = ("action_antonym", "moving_direction", "object_count")
    flows: tuple[str, ...] = (
        "frames -> later frames",
        "video -> nonoption",
        "nonoption -> last",
        "video -> last",
    )
    """Flows to cut, each in quotes; `workbench list flows` shows the papers' own."""
    window: str | None = None
    """Layers that are cut at once, for example "centred(9)". If not given: the paper's centred(9) for 24
    layers or more, scaled to the depth of smaller models."""
    answers_window: str = "all_layers"
    """Layers in which each flow is cut while the model writes the example answers, for example
    "first_half" or "layers(5, 9)"."""
    examples: int = 2
    """Example answers a task, before and after each cut: the first samples that are answered correctly."""
    max_new_tokens: int = 8
    """Most tokens of an example answer. New tokens inherit what the last row may not see."""
    only_correct: bool = True
    """Keep to the samples that the untouched model answers correctly, as the paper does."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""
    engine: str = "incremental"
    """incremental; incremental-float32 for weights of less than float32; or reference, one forward a
    knockout."""

    def run(self) -> Run:
        """Sweep, print example answers, and follow the true word through the layers.

        Writes open_ended.csv, .png, .html, examples.csv and true_word.csv into `out`. The paper's tasks are
        Action Antonym, Moving Direction and Object Count.
        """
        model = self.load_model()
        tasks = self.preferred_tasks()
        samples = self.load_samples(tasks=tasks).open_ended()
        window = parse_window(self.window) if self.window else scaled_windows([9], model.n_layers)[0]
        cut_in = parse_window(self.answers_window).expand(model.n_layers)
        if len(cut_in) != 1:
            raise wb.errors.RunError(
                f"--answers-window {self.answers_window} moves over the layers, but an answer is written "
                'under one cut. Use all_layers, first_half, second_half, "after(6)" or "layers(5, 9)".'
            )
        print(samples, flush=True)
        print(f"{model.name}: {model.n_layers} layers, each flow cut in {window}", flush=True)
        run = wb.sweep(
            model,
            samples,
            self.flows,
            window,
            only_correct=self.only_correct,
            engine=self.engine,
            out=self.out,
            frames=self.frames,
            seed=self.seed,
        )
        curves = curve_table(run.table, seed=self.seed)
        curves.to_csv(self.out / "open_ended.csv", index=False, float_format="%.4f")
        fig = run.figure(title="Open-ended questions: what the answer loses when a flow is cut")
        parts = [Part("", fig)]
        if self.examples:
            said = generations(
                model,
                first_of_each_task(samples, run.table["sample_id"], self.examples),
                {flow: Knockout.of(flow, cut_in[0]) for flow in self.flows},
                max_new_tokens=self.max_new_tokens,
                frames=self.frames,
            )
            console().print(said)
            said.to_csv(self.out / "examples.csv")
            parts.append(Part(f"Answers in words, each flow cut in {self.answers_window}", said))
        words = wb.answer_probability(model, samples, out=self.out / "answer_probability", frames=self.frames)
        told = {"only_correct": self.only_correct, "seed": self.seed}
        words.curves(**told).to_csv(self.out / "true_word.csv", index=False, float_format="%.6f")
        parts.append(Part("Probability of the true word after each layer", words.figure(**told)))
        page = write_page(self.out / "open_ended.html", "Open-ended questions", parts)
        try_png(fig, self.out / "open_ended.png", html=page)
        print(f"Written: {page} and the tables beside it", flush=True)
        return run
