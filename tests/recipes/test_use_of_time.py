"""The recipe of certificates on the planted model."""

from __future__ import annotations

from typing import Any

import pandas as pd

from tests.recipes.planted_folder import RUN, names, settings
from workbench.recipe import find_recipe


def test_each_answer_gets_a_verdict(four, tmp_path, quick, capsys) -> None:
    recipe: Any = find_recipe("use_of_time")
    found = recipe(**settings(four, tmp_path, device="cpu", others=1, shuffles=2, controls=1)).run()
    assert len(found.verdicts) == 4
    assert names(tmp_path) == {
        *RUN, "facts.parquet", "verdicts.csv", "tasks.csv", "use_of_time.png", "use_of_time.html",
    }  # fmt: skip
    tasks = pd.read_csv(tmp_path / "tasks.csv")
    assert sum(tasks["samples"].tolist()) == 4
    said = capsys.readouterr().out
    assert "Did it use time?" in said
    assert "frames reversed" in said
