"""Which lens says what the video's cells show? Logit lens, tuned lens, nearest neighbours, beside a probe.

Every cell of a clip of the embedded data is known: shape, colour, motion, place. Of each task the first clips
make the lenses, the others judge them, after every layer. A linear probe, which is shown the truth of the
first clips, says how much of it the rows hold at all; controls are trained on shuffled targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import pandas as pd

import workbench as wb
from workbench.analyses.lens import LensComparison, first_of_each, keyword_lists, lenses_from, lenses_shown
from workbench.data import MTF_TASKS
from workbench.pages import write_figure, write_html
from workbench.recipe import Count, Prompting, Whole, console, say


@dataclass(frozen=True, kw_only=True)
class CompareLenses(Prompting):
    """Which lens says what the video's cells show? Share of right cells by layer, on the embedded data."""

    paper_tasks: ClassVar = MTF_TASKS
    trained: Count | None = None
    """Clips of each task, the first ones, that lenses are made from; half of them if not given. The others
    judge the lenses."""
    rows_per_sample: Count = 128
    """Rows of each of these clips' prompts, drawn from all, that tuned lens and probe are trained on."""
    epochs: Count = 20
    """How often the tuned lens sees each row."""
    bank: Literal["all", "same"] = "all"
    """Which layers' states of words a row is compared with by the neighbour lens, all or same. Its words are
    those of the first clips' questions and answers."""
    overlay: Whole = 0
    """Which judged clip (from 0) is drawn with each lens' words on its frames."""

    def run(self) -> LensComparison:
        """Make, judge, print; leave lenses, tables, lens_comparison.html and .png, and overlays in `out`."""
        train, judged = first_of_each(self.load_samples(), self.trained)
        model = self.load_model()
        say(f"{len(train)} clips make the lenses, {len(judged)} judge them.")
        lenses = lenses_from(
            model,
            train,
            rows_per_sample=self.rows_per_sample,
            epochs=self.epochs,
            neighbours=self.bank,
            seed=self.seed,
            out=self.out,
            prompting=self.prompting,
        )
        found = wb.compare_lenses(model, judged, lenses, out=self.out, **self.prompting)
        curves = found.curves(seed=self.seed)
        losses = [lens.loss for lens in lenses.values() if isinstance(lens, wb.TunedLens)]
        written = [
            self.out / "tuned_lens.safetensors",
            self.write_csv(pd.concat(losses).drop_duplicates(["layer", "lens"]), "tuned_loss.csv", "%.6f"),
            self.write_csv(curves, "lens_curves.csv", "%.6f"),
        ]
        console().print(lenses_shown(curves))
        written += write_figure(found.figure(seed=self.seed), self.out / "lens_comparison")
        sample = judged[min(self.overlay, len(judged) - 1)]
        marked = keyword_lists("mini")
        for name in ("logit lens", "tuned lens", "neighbour lens"):
            told = {"lens": lenses[name], "keywords": marked, "top_k": 1, **self.prompting}
            figure = wb.logit_lens(model, sample, **told).overlay(title=f"{sample.id}: {sample.question}")
            written.append(write_html(figure, self.out / f"overlay_{name.replace(' ', '_')}.html"))
        self.wrote(*written, skipped=found.skipped)
        return found
