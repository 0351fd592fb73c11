"""Effective pathways of a model whose only path is known."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import workbench as wb
from tests.recipes.planted_folder import RANGES, each_layer
from workbench.errors import RunError
from workbench.recipe import find_recipe


def test_ranges_of_two_models_stand_in_one_table(four, swept, tmp_path, capsys) -> None:
    name = str(wb.load_run(swept).manifest["settings"]["model"])
    recipe: Any = find_recipe("effective_pathways")
    found = recipe(**each_layer(four, tmp_path, model=name, runs=(swept,))).run()
    assert dict(found[name]) == RANGES
    stored = pd.read_csv(tmp_path / "ranges.csv", dtype=str).to_dict("records")
    assert stored[0]["model"] == name
    assert {flow: stored[0][flow] for flow in RANGES} == {flow: str(a) for flow, (a, _) in RANGES.items()}
    assert stored[0]["video -> last"] == "-"
    bins = pd.read_csv(tmp_path / "pathways.csv")
    assert set(bins["model"]) == {name}
    assert (tmp_path / "effective_pathways.png").read_bytes().startswith(b"\x89PNG")
    assert "plotly" in (tmp_path / "effective_pathways.html").read_text("utf-8")
    said = capsys.readouterr().out
    assert "Effective layers" in said
    assert "only 4 samples" in said, "a warning that the curves rest on few samples"


def test_a_run_that_no_model_asks_for_is_refused(four, swept, tmp_path) -> None:
    recipe: Any = find_recipe("effective_pathways")
    with pytest.raises(RunError, match="models asked for are mini/image"):
        recipe(**each_layer(four, tmp_path, model="mini/image", runs=(swept,))).run()
    with pytest.raises(RunError, match="named twice"):
        recipe(**each_layer(four, tmp_path, model="a", models=("a",))).run()
