"""Choosing on one half, judging on the other."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.analyses.study.test_shares import row
from workbench.analyses.study import NO_VIDEO, UNTOUCHED, choose_case, search_table
from workbench.analyses.study.cases import Case, without_video
from workbench.analyses.study.search import halves, on_front
from workbench.errors import RunError


def table(lucky_n: int, n: int = 400) -> pd.DataFrame:
    """ "lucky" is right on every even sample only, "safe" always."""
    rows = []
    for sample in range(n):
        rows += [row(sample, "one", UNTOUCHED, True), row(sample, "one", NO_VIDEO, False)]
        rows += [
            row(sample, "one", "lucky", sample % 2 == 0 or sample >= lucky_n),
            row(sample, "one", "safe", True),
        ]
    return pd.DataFrame(rows)


COSTS = pd.DataFrame({"case": [UNTOUCHED, "lucky", "safe"], "prefill_percent": [100.0, 50.0, 70.0]})


def test_halves_are_every_second_sample_of_each_task() -> None:
    rows = pd.DataFrame([row(i, "one" if i % 3 else "two", UNTOUCHED, True) for i in range(9)])
    first, other = halves(rows)
    assert list(first["sample_id"]) == ["0", "1", "4", "6", "7"]
    assert set(first["sample_id"]) | set(other["sample_id"]) == set(map(str, range(9)))


def test_what_only_looks_good_where_it_was_chosen_is_found_out() -> None:
    found = choose_case(table(400), COSTS)
    assert (found.case, found.chosen_lost, found.held_out_lost, found.samples) == ("lucky", 0, 100, 200)
    assert "does not hold" in found.note


def test_a_safe_case_is_told_to_be_safe_with_enough_samples_only() -> None:
    costs = COSTS.query("case != 'lucky'")
    many = choose_case(table(0), costs)
    assert (many.case, many.held_out_lost, many.note) == ("safe", 0, "")
    few = choose_case(table(0, n=20), costs)
    assert "10 samples are too few to tell" in few.note
    assert "189 are needed" in few.note


def test_nothing_within_the_floor_leaves_the_model_as_it_is() -> None:
    wrong = table(0).assign(correct=lambda rows: rows["correct"] & (rows["case"] == UNTOUCHED))
    found = choose_case(wrong, COSTS)
    assert (found.case, found.held_out_lost) == (UNTOUCHED, 0)
    assert "no case" in found.note


def test_the_front_is_what_no_other_beats() -> None:
    assert on_front([(100, 90), (50, 90), (40, 80), (45, 80), (30, 80)]) == [False, True, False, False, True]
    made = search_table(
        table(400), COSTS, [Case(name, without_video(6).intervention) for name in ("lucky", "safe")]
    )
    assert made.set_index("case")["on_front"].to_dict() == {UNTOUCHED: False, "lucky": True, "safe": True}


def test_one_sample_cannot_be_halved() -> None:
    with pytest.raises(RunError, match="halved"):
        choose_case(table(0, n=1), COSTS)
