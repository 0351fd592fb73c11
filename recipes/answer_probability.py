"""When does the answer appear? True and false options by layer: Map the Flow, Fig. 8, E, J, P.

The residual stream at the last prompt row goes through the final norm and the unembedding after each layer.
In the paper the true option rises above the false ones once the question has taken up the video.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import workbench as wb
from workbench.analyses.lens import AnswerProbability, curves_shown
from workbench.data import MTF_TASKS
from workbench.pages import write_figure
from workbench.recipe import Prompting, console, say


@dataclass(frozen=True, kw_only=True)
class AnswerProbabilityByLayer(Prompting):
    """When does the answer appear? Probability of true and false options by layer (Map the Flow, Fig. 8)."""

    paper_tasks: ClassVar = MTF_TASKS
    only_correct: bool = True
    """Keep to the samples that the model answers correctly, as the paper does."""
    open_ended: bool = False
    """Ask without options: the probability of the true word's first sub-token (Map the Flow, Appendix C)."""
    final_norm: bool = True
    """Whether the final norm comes before the unembedding in every layer."""

    def run(self) -> AnswerProbability:
        """Measure, print where the true option takes the lead, and write tables and figures into `out`."""
        samples = self.load_samples()
        samples = samples.open_ended() if self.open_ended else samples
        model = self.load_model()
        say(samples)
        found = wb.answer_probability(
            model, samples, final_norm=self.final_norm, out=self.out, **self.prompting
        )
        told = {"only_correct": self.only_correct, "seed": self.seed}
        curves = found.curves(**told)
        table = self.write_csv(curves, "answer_curves.csv", "%.6f")
        console().print(curves_shown(curves))
        figure = write_figure(found.figure(**told), self.out / "answer_probability")
        self.wrote(self.out / "answer_probability.parquet", table, *figure, skipped=found.skipped)
        return found
