"""The knee of a planted model that reads the video in one layer."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.recipes.planted_folder import READ, RUN, names, settings
from workbench.errors import RunError
from workbench.recipe import find_recipe


def test_the_knee_is_the_layer_that_reads(four, tmp_path, quick, capsys) -> None:
    recipe: Any = find_recipe("two_stages")
    found = recipe(**settings(four, tmp_path, device="cpu", also=(str(four.data),))).run()
    assert set(found["group"]) == {"all"}
    assert (found["layer"] == READ).all()
    assert len(found) == 2
    pictures = {f"two_stages{end}.{kind}" for end in ("", "_by_group") for kind in ("html", "png")}
    assert names(tmp_path) == {*RUN, "study.parquet", "data_2", "shares.csv", "knees.csv", *pictures}
    shares = pd.read_csv(tmp_path / "shares.csv")
    assert set(shares["case"]) == {"untouched", "no video", "video -> text"}
    assert "layer_ratio" in capsys.readouterr().out


def test_groups_are_read_from_text(four, tmp_path) -> None:
    recipe: Any = find_recipe("two_stages")
    made = recipe(**settings(four, tmp_path, groups=("x=a, b", "y=c")))
    assert made.task_groups == {"x": ("a", "b"), "y": ("c",)}
    for wrong in ("x", "=a", "x="):
        with pytest.raises(RunError, match="NAME=TASK"):
            recipe(**settings(four, tmp_path, groups=(wrong,))).task_groups  # noqa: B018
