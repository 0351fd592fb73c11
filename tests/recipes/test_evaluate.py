"""Accuracy of a model that always knows."""

from __future__ import annotations

import pandas as pd
from pandas.testing import assert_frame_equal

from tests.recipes.planted_folder import settings
from workbench.recipe import find_recipe


def test_evaluate_prints_and_stores_the_accuracy(planted, tmp_path, capsys) -> None:
    found = find_recipe("evaluate")(**settings(planted, tmp_path)).run()
    assert found.table[["task", "samples", "correct", "accuracy_percent"]].values.tolist() == [
        ["planted", 2, 2, 100.0]
    ]
    assert found.table["chance_percent"].tolist() == [50.0]
    assert_frame_equal(pd.read_csv(tmp_path / "accuracy.csv"), found.table, rtol=1e-3)
    said = capsys.readouterr().out
    assert "100.0%" in said
    assert "1 sample skipped" in said
