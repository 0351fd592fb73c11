"""Which claims of Map the Flow hold for a model and its data? The verdict, with the rule that decided.

What they need is measured first, or given: sweeps of two models, pathways beside random edges, answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.findings import IMAGE_FLOWS, SWEPT_FLOWS, findings_by_task, findings_shown
from workbench.analyses.pathways import suffice_table
from workbench.data import MTF_TASKS
from workbench.pages import write_findings
from workbench.recipe import Sweeping, Whole, console, find_recipe, given_measured, say
from workbench.statistics import curve_warnings


@dataclass(frozen=True, kw_only=True)
class Findings(Sweeping):
    """Which claims of Map the Flow hold for this model and data? Each with its rule, number and verdict."""

    paper_tasks: ClassVar = MTF_TASKS
    image_model: str | None = None
    """The model before it was tuned on video, for the claim about tuning; mini/image for mini/video-ft."""
    sweep: Path | None = None
    """Folder of a sweep of --model that is there already; one is made in OUT/sweep if not given."""
    image_sweep: Path | None = None
    """Folder of a sweep of --image-model that is there already."""
    pathways: Path | None = None
    """Folder of a pathways_suffice of --model that is there already."""
    answers: Path | None = None
    """Folder of an answer_probability of --model that is there already."""
    by_task: bool = False
    """Give verdicts for each task too, not only for all together."""
    mode: str = "faithful"
    """What is closed besides the pathways: faithful (the paper's), strict or general."""
    controls: Whole = 3
    """Random controls of the pathways."""

    def run(self) -> pd.DataFrame:
        """Measure what is missing, print the verdicts, and write findings.csv and findings.html."""
        samples, model = self.load_samples(), self.load_model()
        say(samples)
        run = self.given_or_swept(self.sweep, model, samples, SWEPT_FLOWS, out=self.out / "sweep")
        image = self._image_table(samples)
        found = self._measured(model, samples, run.folder)
        told = {"mode": self.mode, "each": self.by_task, "noise": run.noise_percent, "seed": self.seed}
        table = findings_by_task(run.table, image, *found, **told)
        stored, page = self.write_csv(table, "findings.csv"), self.out / "findings.html"
        tested = f"Claims of Map the Flow, tested on {samples.name}: {len(samples)} samples."
        about = " ".join([tested, *curve_warnings(run.table)])
        write_findings(table.query("task == 'all'"), page, title=f"What holds for {model.name}", about=about)
        console().print(findings_shown(table))
        self.wrote(stored, page)
        return table

    @property
    def image_name(self) -> str | None:
        return self.image_model or ("mini/image" if self.model == "mini/video-ft" else None)

    def _image_table(self, samples: wb.Samples) -> pd.DataFrame | None:
        if self.image_name is not None:
            told = (self.image_sweep, self.load_model(self.image_name), samples, IMAGE_FLOWS)
            return self.given_or_swept(*told, out=self.out / "image_sweep", even_if_wrong=True).table

    def _measured(self, model: wb.VideoLLM, samples: wb.Samples, sweep: Path | None) -> list[pd.DataFrame]:
        if self.pathways is None:
            told = {"out": self.out / "pathways", "sweep": sweep, "modes": (self.mode,)}
            kept = find_recipe("pathways_suffice").like(self, **told).run().table
        else:
            kept = suffice_table(given_measured(self.pathways, "suffice", model), seed=self.seed)
        if self.answers is not None:
            return [kept, given_measured(self.answers, "answer_probability", model)]
        out = self.out / "answer_probability"
        return [kept, wb.answer_probability(model, samples, out=out, **self.prompting).table]
