"""Which half of the layers carries the flow between frames, on a model that does it in one layer."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.recipes.planted_folder import FLOW, files, settings
from workbench.recipe import find_recipe

pytestmark = pytest.mark.usefixtures("quick")

HALF = 3  # of 6 layers


def test_cross_frame_halves_finds_the_half_with_the_flow(unsure, tmp_path, capsys) -> None:
    assert FLOW <= HALF
    find_recipe("cross_frame_halves")(**settings(unsure, tmp_path, max_new_tokens=1)).run()
    drops = pd.read_csv(tmp_path / "accuracy_drop.csv")
    assert drops[["window", "first_layer", "last_layer", "correct", "flips"]].values.tolist() == [
        ["first_half()", 1, HALF, 2, 2],
        ["second_half()", HALF + 1, 2 * HALF, 2, 0],
    ]
    examples = pd.read_csv(tmp_path / "examples.csv", keep_default_na=False)
    assert examples.groupby("cut", sort=False)["right"].all().to_dict() == {
        "untouched": True,
        "first_half": False,
        "second_half": True,
    }
    assert "✓ left" in capsys.readouterr().out
    assert "✓ left" in (tmp_path / "cross_frame_halves.html").read_text(encoding="utf-8")
    assert {"cross_frame_halves.png", "effects.parquet", "manifest.json"} <= files(tmp_path)
