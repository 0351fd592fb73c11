"""The figure of certificates: a column a sample, a mark a task and verdict."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.analyses.use_of_time.test_rule import facts, order, prior
from workbench.analyses.use_of_time import VERDICTS, task_table, verdict_table
from workbench.errors import RunError
from workbench.figures import use_of_time


def tables(samples: int) -> dict[str, Any]:
    made = [facts([prior, order][place % 2], f"t/{place}") for place in range(samples)]
    table = pd.concat(made, ignore_index=True)
    verdicts = verdict_table(table)
    return {"table": table, "verdicts": verdicts, "tasks": task_table(verdicts)}


def test_samples_are_columns_and_verdicts_are_counted() -> None:
    given = tables(6)
    fig: Any = use_of_time(**given)
    strip, grid, *shares = fig.data
    assert [VERDICTS[int(place)] for place in strip.z[0]] == sorted(
        given["verdicts"]["verdict"], reverse=True
    )
    assert len(grid.z) == given["table"].query("kind != ''")["fact"].nunique()
    row = list(grid.y).index("frames reversed")
    assert list(grid.z[row]) == [1, 1, 1, 0, 0, 0]
    assert {trace.name: list(trace.x) for trace in shares} == {
        "uses time": [50], "static shortcut": [0], "language prior": [50], "undecided": [0],
    }  # fmt: skip


def test_of_many_samples_some_are_drawn_and_it_says_so() -> None:
    fig: Any = use_of_time(**tables(10), most=4)
    assert len(fig.data[0].z[0]) == 4
    assert "4 of 10 samples" in fig.layout.title.text


def test_tables_that_cannot_be_drawn() -> None:
    given = tables(2)
    with pytest.raises(RunError, match="no verdict"):
        use_of_time(**{**given, "verdicts": given["verdicts"].head(0)})
    with pytest.raises(RunError, match="use_of_time"):
        use_of_time(**{**given, "table": pd.DataFrame({"fact": []})})
