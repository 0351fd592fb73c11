"""Columns of a person's own table."""

from __future__ import annotations

import pytest

from workbench.data.columns import columns_of, gathered, is_column, meant


@pytest.mark.parametrize("name", ["video", " options ", "option_a", "OptionB", "option 3", "facet_light"])
def test_a_column_that_is_read(name: str) -> None:
    assert is_column(name)


@pytest.mark.parametrize(
    ("name", "hint"), [("choices", "'options'"), ("Clip", "'video'"), ("qestion", "'question'"), ("zzz", "")]
)
def test_a_column_that_is_not_read_has_a_near_one(name: str, hint: str) -> None:
    assert not is_column(name)
    assert hint in meant(name)
    assert bool(hint) == bool(meant(name))


@pytest.mark.parametrize(
    ("row", "options"),
    [
        ({"options": "left | right"}, ["left", "right"]),
        ({"options": ["left", "right"]}, ["left", "right"]),
        ({"options": "left"}, "left"),
        ({"option_b": "right", "option_a": 4, "option_c": ""}, ["4", "right"]),
        ({"option10": "b", "option2": "a", "options": None}, ["a", "b"]),
    ],
)
def test_options_come_together(row: dict[str, object], options: object) -> None:
    found = gathered(row)
    assert isinstance(found, dict)
    assert found["options"] == options


def test_facets_come_together_and_nothing_else_is_kept() -> None:
    row = {"facet_light": "dim", "facet_none": None, "facets": {"age": "old"}, "video": None, "noise": 1}
    assert gathered(row) == {"facets": {"age": "old", "light": "dim"}, "video": None}


@pytest.mark.parametrize("row", [{"options": "a|b", "option_a": "a"}, {"option_a": "a", "optionA": "a"}])
def test_options_twice_are_no_question(row: dict[str, object]) -> None:
    assert isinstance(gathered(row), str)


def test_all_columns_in_order() -> None:
    assert columns_of([{"b": 1}, None, {"a": 1, "b": 2}]) == ["b", "a"]
