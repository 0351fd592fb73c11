from __future__ import annotations

from typing import Any

from tests.recipes.planted_folder import READ, RUN, names, settings
from workbench.recipe import find_recipe


def test_the_earliest_exit_that_keeps_the_answers_is_chosen(four, tmp_path, quick, capsys) -> None:
    recipe: Any = find_recipe("search_exit")
    told = {"device": "cpu", "exits": (READ - 1, READ, 5), "windows": (0,), "by": "pairs_percent"}
    found = recipe(**settings(four, tmp_path, timed=1, repeats=1, **told)).run().set_index("case")
    assert found["accuracy_percent"].to_dict() == {
        "untouched": 100, "exit 3, apart 0": 50, "exit 4, apart 0": 100, "exit 5, apart 0": 100,
    }  # fmt: skip
    said = capsys.readouterr().out
    assert "too few" in said
    files = {"search.csv", "chosen.csv", "search_exit.html", "search_exit.png"}
    assert names(tmp_path) == {*RUN, "study.parquet", *files}
