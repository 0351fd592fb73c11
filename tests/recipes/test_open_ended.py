"""Questions without options, on a model whose only path is known."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.recipes.planted_folder import ANSWER, FLOW, READ, fallen, files, settings
from workbench.errors import RunError
from workbench.recipe import find_recipe

pytestmark = pytest.mark.usefixtures("quick")


def test_open_ended_finds_the_path_without_options(stemmed, tmp_path, capsys) -> None:
    run: Any = find_recipe("open_ended")(**settings(stemmed, tmp_path, max_new_tokens=1)).run()
    curves = pd.read_csv(tmp_path / "open_ended.csv")
    assert {flow: fallen(part) for flow, part in curves.groupby("flow")} == {
        "frames -> later frames": [FLOW],
        "video -> nonoption": [READ],
        "nonoption -> last": [ANSWER],
        "video -> last": [],
    }
    assert run.samples["predicted"].tolist() == ["A", "B"]
    examples = pd.read_csv(tmp_path / "examples.csv", keep_default_na=False)
    kept = examples.groupby("cut", sort=False)["right"].all().to_dict()
    assert kept == {
        "untouched": True,
        "frames -> later frames": False,
        "video -> nonoption": False,
        "nonoption -> last": False,
        "video -> last": True,
    }
    assert {"open_ended.png", "open_ended.html"} <= files(tmp_path)
    word: Any = pd.read_csv(tmp_path / "true_word.csv").set_index("layer")["mean"]
    assert word[ANSWER - 1] < 0.5 < word[ANSWER], "the true word appears where it is written"
    assert "Answers before and after" in capsys.readouterr().out


def test_answers_are_written_under_one_cut(stemmed, tmp_path) -> None:
    recipe = find_recipe("open_ended")
    with pytest.raises(RunError, match="--answers-window centred"):
        recipe(**settings(stemmed, tmp_path, answers_window="centred(3)")).run()
    recipe(**settings(stemmed, tmp_path, answers_window="after(5)", max_new_tokens=1)).run()
    examples = pd.read_csv(tmp_path / "examples.csv", keep_default_na=False)
    assert all(examples["right"]), "layer 6 carries nothing"


def test_examples_can_be_left_out(stemmed, tmp_path) -> None:
    find_recipe("open_ended")(**settings(stemmed, tmp_path, examples=0)).run()
    assert "examples.csv" not in files(tmp_path)
    find_recipe("cross_frame_halves")(**settings(stemmed, tmp_path / "b", examples=0)).run()
    assert "examples.csv" not in files(tmp_path / "b")
