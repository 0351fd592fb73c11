"""Answer probabilities on a model whose answer appears in layer 5."""

from __future__ import annotations

import pandas as pd
from pandas.testing import assert_frame_equal

from tests.recipes.planted_folder import RUN, STAGES, names, settings
from workbench.recipe import find_recipe


def test_answer_probability_rises_in_the_planted_layer(planted, tmp_path, capsys) -> None:
    found = find_recipe("answer_probability")(**settings(planted, tmp_path)).run()
    assert names(tmp_path) == RUN | {
        "answer_probability.parquet",
        "answer_curves.csv",
        "answer_probability.html",
        "answer_probability.png",
    }
    curves = pd.read_csv(tmp_path / "answer_curves.csv")
    assert_frame_equal(curves, found.curves(), atol=1e-5)
    true = curves[curves["role"] == "true_option"]["mean"]
    assert (true > 0.5).tolist() == [layer >= STAGES[-1] for layer in range(1, 7)]
    said = capsys.readouterr().out
    assert "planted" in said
    assert "Skipped: 1" in said
