"""Where must frames read one another? Map the Flow's Table 2 and B.

Frames cannot read earlier frames in the first half of the layers, or in the second. Right answers that turn
wrong are the accuracy drop: large in the first half and small in the second, in the paper's video-tuned
models. The same cut while the model writes shows what it says instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.analyses.answers.generations import Generations, first_of_each_task, generations
from workbench.analyses.sweep.drops import accuracy_drop
from workbench.data import MTF_TASKS
from workbench.figures import Part, accuracy_drops, try_png, write_page
from workbench.interventions import Knockout
from workbench.recipe import Recipe, console
from workbench.runs import Run


@dataclass(frozen=True, kw_only=True)
class CrossFrameHalves(Recipe):
    """Where must frames read one another? Accuracy drop of a cut in each half (Map the Flow, Table 2)."""

    paper_tasks: ClassVar = MTF_TASKS
    flow: str = "frames -> later frames"
    """The flow to cut, in quotes; `workbench list flows` shows the papers' own."""
    examples: int = 2
    """Example answers a task, before and after each cut: the first samples that are answered correctly."""
    max_new_tokens: int = 16
    """Most tokens of an example answer."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""
    engine: str = "incremental"
    """incremental; incremental-float32 for weights of less than float32; or reference, one forward a
    knockout."""

    def run(self) -> Run:
        """Sweep, print the drops and the examples, and write accuracy_drop.csv, examples.csv and
        cross_frame_halves.png and .html into `out`."""
        model = self.load_model()
        samples = self.load_samples(tasks=self.preferred_tasks())
        print(samples, flush=True)
        halves = [wb.first_half(), wb.second_half()]
        run = wb.sweep(
            model,
            samples,
            self.flow,
            halves,
            engine=self.engine,
            out=self.out,
            style=self.style,
            frames=self.frames,
            seed=self.seed,
        )
        drops = accuracy_drop(run.table)
        print(
            drops.drop(columns=["flow", "layer", "first_layer", "last_layer"])
            .round(1)
            .to_string(index=False),
            flush=True,
        )
        drops.to_csv(self.out / "accuracy_drop.csv", index=False, float_format="%.4f")
        fig = accuracy_drops(drops)
        parts = [Part("", fig)]
        if self.examples:
            kept = first_of_each_task(samples, run.table["sample_id"], self.examples)
            cuts = {str(half.kind): Knockout.of(self.flow, half.expand(model.n_layers)[0]) for half in halves}
            said = self.answers(model, kept, cuts)
            console().print(said)
            said.to_csv(self.out / "examples.csv")
            parts.append(Part(f"Example answers: the first {self.examples} right ones of each task", said))
        page = write_page(self.out / "cross_frame_halves.html", "Where frames must read one another", parts)
        try_png(fig, self.out / "cross_frame_halves.png", html=page)
        print(f"Written: {page} and the tables beside it", flush=True)
        return run

    def answers(self, model: wb.VideoLLM, samples: wb.Samples, cuts: dict[str, Knockout]) -> Generations:
        """Greedy answers before and after each cut."""
        return generations(
            model,
            samples,
            cuts,
            max_new_tokens=self.max_new_tokens,
            style=self.style,
            frames=self.frames,
        )
