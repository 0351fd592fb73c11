"""One base for every error that a user can cause, and the names that look like a misspelt one."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from workbench import errors
from workbench.errors import WorkbenchError, near_matches, shown

CLASSES = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_is_the_workbenchs_own_and_says_what_it_is_for(kind: type[Exception]) -> None:
    assert issubclass(kind, WorkbenchError)
    assert issubclass(kind, ValueError)
    assert kind.__doc__
    assert str(kind("what came in")) == "what came in"


def test_near_matches_are_a_sentence_or_nothing() -> None:
    known = ["video", "question", "last"]
    assert near_matches("vidoe", known) == " Did you mean 'video'?"
    assert near_matches("xyz", known) == ""
    assert near_matches("video", []) == ""


def test_several_near_matches_are_named_best_first_and_not_too_many() -> None:
    known = [f"layer{number}" for number in range(9)]
    assert near_matches("layer3", known).startswith(" Did you mean 'layer3' or ")
    assert near_matches("layer", known).count(" or ") == 3
    assert near_matches("layer", known, limit=1).count(" or ") == 0
    assert near_matches("layer3", iter(known)), "any iterable will do"


def test_shown_is_short_printable_and_never_fails() -> None:
    nested: list[Any] = []
    for _ in range(10_000):
        nested = [nested]
    assert len(shown(nested)) < 100
    assert len(shown("x" * 10_000)) < 100
    assert shown("\x1b[2J\n").isprintable()
    assert shown(10**6000)


def test_messages_can_be_written_everywhere() -> None:
    said = str(WorkbenchError("no folder \ud800, nor \udcff\x1b[2J"))
    assert said == "no folder \\ud800, nor \\udcff\\x1b[2J"
    said.encode("utf-8")
