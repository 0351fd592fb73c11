"""The four masks of An Empirical Study, Fig. 2, on a small layout: which rows may look at which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import workbench as wb
from workbench.analyses.study import STUDY_FLOWS, mask_table, small_layout
from workbench.errors import RunError
from workbench.pages import write_figure
from workbench.recipe import Recipe, check_folder


@dataclass(frozen=True, kw_only=True)
class MaskGallery(Recipe):
    """The four masks: untouched; language-to-video, temporal, spatial knockout (Empirical Study, Fig. 2)."""

    model: str = ""
    """Must stay as it is, with data, tasks, limit and cache: masks need neither a model nor samples."""
    flows: tuple[str, ...] = STUDY_FLOWS
    """Flows whose masks are drawn, each in quotes, after that of the untouched model."""
    frames: int = 3
    """Frames of the small clip."""
    rows_a_frame: int = 4
    """Rows that each frame has."""

    def run(self) -> Any:
        """Draw the masks, and write masks.csv (the edges that are left, counted) and the figure."""
        asked = self.tasks or self.from_logs or self.limit is not None or self.data != "mini"
        if self.model or self.remote or asked or self.cache:
            raise RunError(
                "Masks need no model and no samples: leave --model, --remote, --data, --tasks, --limit, "
                "--from-logs and --cache out."
            )
        check_folder(self.out)
        layout = small_layout(self.frames, self.rows_a_frame)
        table = mask_table(layout, self.flows)
        figure = wb.figures.mask_gallery(layout, self.flows)
        self.wrote(self.write_csv(table, "masks.csv"), *write_figure(figure, self.out / "mask_gallery"))
        return table
