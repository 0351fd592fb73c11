"""When does the answer appear? True and false options by layer: Map the Flow, Fig. 8, E, J, P.

The residual stream at the last prompt row goes through the final norm and the unembedding after each layer.
In the paper the true option rises above the false ones once the question has taken up the video.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.lens.answer_probability import AnswerProbability
from workbench.analyses.lens.roles import FALSE, TRUE
from workbench.data import MTF_TASKS
from workbench.pages import try_png, write_html
from workbench.recipe import Recipe, console


@dataclass(frozen=True, kw_only=True)
class AnswerProbabilityByLayer(Recipe):
    """When does the answer appear? Probability of true and false options by layer (Map the Flow, Fig. 8)."""

    paper_tasks: ClassVar = MTF_TASKS
    only_correct: bool = True
    """Keep to the samples that the model answers correctly, as the paper does."""
    open_ended: bool = False
    """Ask without options: the probability of the true word's first sub-token (Map the Flow, Appendix C)."""
    final_norm: bool = True
    """Whether the final norm comes before the unembedding in every layer."""
    style: str | None = None
    """How the question is put: mvbench, letter or open; the one that fits the samples if not given."""
    frames: str | None = None
    """How the clip's frames are chosen, for example "uniform(32)"; 8 segment midpoints if not given."""

    def run(self) -> AnswerProbability:
        """Measure, print where the true option takes the lead, and write tables and figures into `out`."""
        model = self.load_model()
        samples = self.load_samples(tasks=self.preferred_tasks())
        if self.open_ended:
            samples = samples.open_ended()
        print(samples, flush=True)
        found = wb.answer_probability(
            model,
            samples,
            final_norm=self.final_norm,
            out=self.out,
            style=self.style,
            frames=self.frames,
        )
        curves = found.curves(only_correct=self.only_correct, seed=self.seed)
        curves.to_csv(self.out / "answer_curves.csv", index=False, float_format="%.6f")
        _print_curves(curves)
        figure = found.figure(only_correct=self.only_correct, seed=self.seed)
        page = write_html(figure, self.out / "answer_probability.html")
        written = [
            self.out / "answer_probability.parquet",
            self.out / "answer_curves.csv",
            page,
            *try_png(figure, self.out / "answer_probability.png", html=page),
        ]
        if len(found.skipped):
            print(f"Skipped: {len(found.skipped)}, see {self.out / 'skipped.csv'}", flush=True)
        print("Written: " + ", ".join(str(path) for path in written), flush=True)
        return found


def _print_curves(curves: pd.DataFrame) -> None:
    """The true option's mean by layer, and the layer from which it stays ahead of the false ones."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    shown = Table(
        title="Probability of the true option after each layer (mean over samples)",
        caption="Bold: its 95% interval lies above that of the false options.",
        box=box.SIMPLE_HEAD,
    )
    shown.add_column("task", no_wrap=True)
    shown.add_column("n", justify="right")
    points: list[Any] = list(curves.itertuples(index=False))
    for layer in dict.fromkeys(point.layer for point in points):
        shown.add_column(str(layer), justify="right", no_wrap=True)
    for task in dict.fromkeys(point.task for point in points):
        true = [point for point in points if point.task == task and point.role == TRUE]
        ceilings = {point.layer: point.high for point in points if point.task == task and point.role == FALSE}
        cells = [
            f"[bold]{point.mean:.2f}[/bold]"
            if point.low > ceilings.get(point.layer, 1)
            else f"{point.mean:.2f}"
            for point in true
        ]
        shown.add_row(escape(task), str(true[0].n), *cells)
    console().print(shown)
