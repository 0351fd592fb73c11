from __future__ import annotations

from typing import Any

import pytest

from tests.recipes.planted_folder import READ, RUN, names, settings
from workbench.recipe import find_recipe


@pytest.mark.parametrize(("after", "right"), [(READ, 100), (READ - 1, 50)])
def test_an_exit_behind_the_reading_layer_costs_nothing(
    four, tmp_path, quick, after: int, right: int
) -> None:
    recipe: Any = find_recipe("exit_and_window")
    told = {"device": "cpu", "exit_after": after, "frame_local": 1, "timed": 1, "repeats": 1}
    found = recipe(**settings(four, tmp_path, **told)).run().set_index("case")
    assert found.loc["exit", "accuracy_percent"] == right
    assert found.loc["frames apart", "accuracy_percent"] == 100, "frames exchange it in layer 2"
    assert found.loc["exit", "pairs_percent"] < 100
    assert found.loc["exit", "prefill_ms"] > 0
    files = {"exit_and_window.csv", "exit_and_window.html", "exit_and_window.png"}
    assert names(tmp_path) == {*RUN, "study.parquet", *files}


def test_the_pathways_alone_are_a_case_where_a_sweep_is_given(four, tmp_path, quick) -> None:
    sweep: Any = find_recipe("information_flow")
    sweep(**settings(four, tmp_path / "sweep", device="cpu", window="centred(1)")).run()
    recipe: Any = find_recipe("exit_and_window")
    told = {
        "device": "cpu",
        "exit_after": READ,
        "timed": 1,
        "repeats": 1,
        "sweep": tmp_path / "sweep",
        "max_new_tokens": 1,
    }
    found = recipe(**settings(four, tmp_path / "out", **told)).run().set_index("case")
    assert found.loc["pathways alone", "accuracy_percent"] == 100
    assert found.loc["pathways alone", "pairs_percent"] < found.loc["exit", "pairs_percent"]
    case = found.loc["pathways alone"]
    assert case["written_percent"] == 100
