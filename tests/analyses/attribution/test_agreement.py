"""Marks of the methods."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analyses.attribution.attributed import FLOWS, made_table
from workbench.analyses.attribution.agreement import AgreementRow, agreement_table
from workbench.errors import RunError


def test_a_good_method_gets_good_marks_and_a_random_one_none() -> None:
    found = agreement_table(made_table(tasks=("a", "b")), top=5)
    assert tuple(found.columns) == AgreementRow._fields
    whole: Any = found[(found["task"] == "all") & (found["flow"] == "all") & (found["layer"] == 0)]
    marks = {(row["method"], row["level"]): row for row in whole.to_dict("records")}
    assert marks["local", "head"]["spearman"] > 0.9
    assert marks["local", "head"]["samples"] == 6
    assert marks["local", "head"]["cells"] == 27
    assert abs(marks["attention", "head"]["spearman"]) < 0.4
    assert marks["local", "head"]["confirmed"] > marks["attention", "head"]["confirmed"]
    assert set(found["task"]) == {"all", "a", "b"}
    assert set(found["flow"]) == {"all", *FLOWS}
    assert set(found["layer"]) == {0, 1, 2, 3}
    assert found.loc[found["layer"] > 0, "confirmed"].isna().all()


def test_cells_in_which_nothing_was_are_left_out() -> None:
    table = made_table()
    nothing = table["layer"] == 3
    table.loc[nothing, ["estimate_log_odds", "change_log_odds"]] = 0.0
    local: Any = table[table["method"] == "local"]
    found = agreement_table(local)
    assert set(found["layer"]) == {0, 1, 2}
    assert set(found.loc[(found["layer"] == 0) & (found["flow"] == "all"), "cells"]) == {18, 6}


def test_nothing_verified_is_refused() -> None:
    with pytest.raises(RunError, match="verify"):
        agreement_table(made_table().assign(status="estimated"))
    with pytest.raises(RunError, match="change_log_odds"):
        agreement_table(made_table().drop(columns="change_log_odds"))
