"""What a person types is bounded before it is taken apart."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.errors import FlowError, shown
from workbench.typed import HIGHEST, MOST_LETTERS, typed


def test_white_space_is_one_space() -> None:
    assert typed("  a \t\n b\u3000c ", "flow", "Write a.", error=FlowError) == "a b c"
    assert len(typed("x" * MOST_LETTERS, "flow", "Write a.", error=FlowError)) == MOST_LETTERS


@pytest.mark.parametrize("value", [None, 5, b"a", ["a"], 10**6000], ids=shown)
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(FlowError, match=r"is no flow\. Write a\."):
        typed(value, "flow", "Write a.", error=FlowError)


def test_a_text_that_is_too_long_is_refused_and_not_repeated() -> None:
    with pytest.raises(FlowError, match=r"has 20,000 characters; a flow has at most 10,000\.") as said:
        typed(" " * 20_000, "flow", "Write a.", error=FlowError)
    assert len(str(said.value)) < 200


def test_the_highest_number_is_written_with_nine_digits() -> None:
    assert str(HIGHEST) == "9" * 9
