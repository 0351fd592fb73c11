"""Wider windows, on a model whose only path is known."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.recipes.planted_folder import READ, fallen, files, rows, settings
from workbench.recipe import find_recipe

pytestmark = pytest.mark.usefixtures("quick")


def test_wider_windows_lose_the_answer_in_more_layers(unsure, tmp_path, capsys) -> None:
    find_recipe("window_size")(
        **settings(unsure, tmp_path, sizes=(1, 3, 5), exact=True, flows=("video -> question",))
    ).run()
    curves = pd.read_csv(tmp_path / "window_size.csv")
    for k in (1, 3, 5):
        expected = [layer for layer in range(1, 7) if abs(layer - READ) <= k // 2]
        assert fallen(rows(curves, window=f"centred({k})")) == expected
    assert "Windows: centred(1), centred(3), centred(5)." in capsys.readouterr().out
    assert {"window_size.png", "window_size.html"} <= files(tmp_path)


def test_the_sizes_are_scaled_to_a_shallow_model_and_this_is_said(unsure, tmp_path, capsys) -> None:
    run: Any = find_recipe("window_size")(**settings(unsure, tmp_path)).run()
    assert run.table["window"].unique().tolist() == ["centred(1)", "centred(3)"]
    said = "from the paper's 32 layers to 6: 1 becomes 1, 5 becomes 1, 9 becomes 1, 13 becomes 3."
    assert said in capsys.readouterr().out
