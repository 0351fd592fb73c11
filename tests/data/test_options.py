"""Which option an answer means."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data.options import LETTERS, Ambiguous, answer_index, text_index
from workbench.errors import SampleError

option = st.text(min_size=1, max_size=4).filter(str.strip)
lists = st.lists(option, min_size=2, max_size=8, unique_by=lambda text: text.strip())


@given(lists, st.data())
def test_what_every_reading_agrees_on_is_what_is_meant(options: list[str], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(options) - 1))
    assert answer_index(LETTERS[index], options, "letter") == index
    assert answer_index(index, options, "index") == answer_index(str(index), options, "index") == index
    for answer in (options[index], LETTERS[index], index):
        try:
            found = answer_index(answer, options)
        except Ambiguous:
            # Something else than `index` can be meant, too: another option, or a number.
            assert answer == index or str(answer) in LETTERS or options[index].strip().upper() in LETTERS
        else:
            assert found == index


@pytest.mark.parametrize("answer", [None, [], {}, b"a", True, object()])
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    for answers in (None, "text", "letter", "index"):
        with pytest.raises(SampleError):
            answer_index(answer, ["left", "right"], answers)


@pytest.mark.parametrize("answer", [10**400, "9" * 5000, float("inf"), float("nan"), "\u0663" * 8])
def test_numbers_beyond_every_list_are_no_index(answer: Any) -> None:
    for answers in (None, "index"):
        with contextlib.suppress(SampleError):
            assert answer_index(answer, ["left", "right"], answers) > 1  # for Sample to refuse


def test_a_text_is_compared_without_spaces_around_it() -> None:
    assert text_index(" left", ["right", "left "]) == 1
    with pytest.raises(SampleError, match="'up' is not one of the options"):
        text_index("up", ["right", "left"])
