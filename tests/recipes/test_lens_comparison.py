"""Lenses on a few clips of the embedded data, by the recipe."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.recipes.planted_folder import RUN, names, settings
from workbench.errors import RunError
from workbench.recipe import find_recipe


def test_a_run_leaves_lenses_tables_figures_and_overlays(tmp_path, capsys, quick) -> None:
    told: dict[str, Any] = {"data": "mini/object_count", "limit": 4, "trained": 3, "epochs": 1}
    told |= {"model": "mini/video-ft", "rows_per_sample": 60, "bank": "same"}
    recipe = find_recipe("lens_comparison")(out=tmp_path, **told)
    found = recipe.run()
    assert names(tmp_path) == RUN | {
        *("lens_comparison.parquet", "lens_curves.csv", "tuned_loss.csv"),
        *("tuned_lens.safetensors", "tuned_lens_shuffled.safetensors"),
        *("lens_comparison.html", "lens_comparison.png"),
        *(f"overlay_{lens}_lens.html" for lens in ("logit", "tuned", "neighbour")),
    }
    assert_frame_equal(pd.read_csv(tmp_path / "lens_curves.csv"), found.curves(), atol=1e-5)
    loss = pd.read_csv(tmp_path / "tuned_loss.csv")
    assert set(loss["lens"]) == {"logit lens", "tuned lens", "tuned lens, shuffled"}
    assert "Neighbour lens" in (tmp_path / "overlay_neighbour_lens.html").read_text("utf-8")
    assert "3 clips make the lenses, 1 judge them" in capsys.readouterr().out


def test_clips_of_other_worlds_are_refused(planted, tmp_path) -> None:
    with pytest.raises(RunError, match=r"cells of planted/.* show is not known"):
        find_recipe("lens_comparison")(**settings(planted, tmp_path / "run", trained=1)).run()
