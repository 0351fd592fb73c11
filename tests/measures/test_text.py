from __future__ import annotations

from pathlib import Path

import pytest

from workbench.data import Sample
from workbench.measures.text import is_right, option_said

CHOICE = Sample(id="1", task="t", video=Path("1.mp4"), question="Where?", options=("left", "right"), answer=1)
WORDS = Sample(id="2", task="t", video=Path("2.mp4"), question="Where?", open_answer="To the left")


@pytest.mark.parametrize(
    ("text", "says", "right"),
    [("(B) right", "right", True), ("Answer: A", "left", False), ("Perhaps", "Perhaps", False)],
)
def test_an_option_is_named_by_its_letter(text: str, says: str, right: bool) -> None:
    assert option_said(CHOICE, text) == says
    assert is_right(CHOICE, text) is right


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("to the LEFT.", True),
        ("To the left, of course", True),
        ("To the right", False),
        ("", False),
    ],
)
def test_an_open_answer_comes_first(text: str, right: bool) -> None:
    assert is_right(WORDS, text) is right


def test_nothing_is_right_where_the_truth_is_not_known() -> None:
    unknown = Sample(id="3", task="t", video=Path("3.mp4"), question="Where?", options=("left", "right"))
    assert not is_right(unknown, "(A)")
