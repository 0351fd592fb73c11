"""Which claims of An Empirical Study hold for a model and its data? The verdict, with the rule that decided.

What they need is measured first, or given: runs of two_stages, which_attention, critical_layers and
exit_and_window.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

import workbench as wb
from workbench.analyses.findings import findings_shown
from workbench.analyses.study import study_findings
from workbench.data import MTF_TASKS
from workbench.pages import write_findings
from workbench.recipe import Studying, console, find_recipe, given_measured


@dataclass(frozen=True, kw_only=True)
class StudyFindings(Studying):
    """Which claims of An Empirical Study hold for this model and data? Rule, number, interval and verdict."""

    paper_tasks: ClassVar = MTF_TASKS
    two_stages: Path | None = None
    """Folder of a two_stages of --model that is there already; one is made in OUT/two_stages if not given."""
    which_attention: Path | None = None
    """Folder of a which_attention of --model that is there already."""
    critical_layers: Path | None = None
    """Folder of a critical_layers of --model that is there already."""
    exit_and_window: Path | None = None
    """Folder of an exit_and_window of --model that is there already."""

    def run(self) -> pd.DataFrame:
        """Measure what is missing, print the verdicts, and write study_findings.csv and .html."""
        self.load_samples()  # what cannot be read is said before a model is loaded
        model = self.load_model()
        depths, kinds = self._table("two_stages", model), self._table("which_attention", model)
        windows, saved = self._table("critical_layers", model), self._table("exit_and_window", model)
        table = study_findings(depths, kinds, windows, saved, model.n_layers, seed=self.seed)
        stored, page = self.write_csv(table, "study_findings.csv"), self.out / "study_findings.html"
        asked = depths["sample_id"].nunique()
        about = f"Claims of An Empirical Study, tested on {asked} samples: all, answered rightly or wrongly."
        write_findings(table, page, title=f"What holds for {model.name}", about=about)
        title = f"What holds, of {len(table)} claims of An Empirical Study"
        console().print(findings_shown(table.assign(task="all"), title))
        self.wrote(stored, page)
        return table

    def _table(self, name: str, model: wb.VideoLLM) -> pd.DataFrame:
        """The table of one study: given, or measured now."""
        folder = getattr(self, name)
        if folder is None:
            folder = self.out / name
            find_recipe(name).like(self, out=folder).run()
        return given_measured(folder, "study", model)
