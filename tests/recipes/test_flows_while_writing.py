"""Which token needs which flow, on a model that says one letter and nothing else."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.recipes.planted_folder import ANSWER, FLOW, READ, RUN, files, settings
from workbench.recipe import find_recipe

pytestmark = pytest.mark.usefixtures("quick")


def test_the_first_token_needs_the_planted_path_and_the_others_nothing(stemmed, tmp_path, capsys) -> None:
    flows = ("frames -> later frames", "video -> nonoption", "nonoption -> last", "video -> last")
    told = {"question": "", "flows": flows, "window": "centred(1)", "max_new_tokens": 3}
    open_ended = find_recipe("flows_while_writing")(**settings(stemmed, tmp_path, **told))
    found = open_ended.run()
    lost = found.table[found.table["change_percent"] < -50]
    assert {(row["flow"], row["layer"], row["step"]) for row in lost.to_dict("records")} == {
        ("frames -> later frames", FLOW, 1),
        ("video -> nonoption", READ, 1),
        ("nonoption -> last", ANSWER, 1),
    }
    assert len(pd.read_csv(tmp_path / "writing.csv")) == 4 * 6
    names = {"tokens.parquet", "writing.csv", "flows_while_writing.html", "flows_while_writing.png"}
    assert names | RUN - {"shards"} <= files(tmp_path)
    assert "Skipped: 1" in capsys.readouterr().out


def test_every_clip_is_asked_the_question(planted, tmp_path) -> None:
    told = {"flows": ("video -> last",), "max_new_tokens": 2, "steps": "2"}
    found = find_recipe("flows_while_writing")(**settings(planted, tmp_path, **told)).run()
    assert found.table["step"].tolist() == [1, 2] * 2
    assert found.manifest["settings"]["steps"] == [2]
    first = found.table[found.table["step"] == 1]
    assert (first["change_percent"] == 0).all(), "nothing is cut before step 2"
