from __future__ import annotations

from typing import Any

import pytest

from tests.recipes.planted_folder import RUN, names, settings
from workbench.errors import RunError
from workbench.recipe import find_recipe


def test_verdicts_of_runs_made_and_given(four, tmp_path, quick, capsys) -> None:
    recipe: Any = find_recipe("study_findings")
    found = recipe(**settings(four, tmp_path, device="cpu")).run()
    made = ("two_stages", "which_attention", "critical_layers", "exit_and_window")
    assert names(tmp_path) == {*made, "study_findings.csv", "study_findings.html"}
    assert set(found["verdict"]) == {"undecided"}, "four samples decide nothing"
    assert "claims of An Empirical Study" in capsys.readouterr().out
    again = recipe(
        **settings(four, tmp_path / "again", device="cpu", **{name: tmp_path / name for name in made})
    )
    assert again.run().equals(found)
    assert not RUN & names(tmp_path / "again")


def test_a_run_of_another_model_is_refused(four, planted, others, tmp_path, quick) -> None:
    recipe: Any = find_recipe("two_stages")
    recipe(**settings(four, tmp_path / "other", device="cpu") | {"model": str(others / "direct")}).run()
    asked: Any = find_recipe("study_findings")
    with pytest.raises(RunError, match="model asked for"):
        asked(**settings(four, tmp_path / "out", device="cpu", two_stages=tmp_path / "other")).run()
