"""What all benchmarks share: letters before options, answers in their forms, tasks and limits."""

from __future__ import annotations

import pytest

from workbench.data.reading import facets, indexed, lettered, task_key, unmarked
from workbench.errors import SampleError

OPTIONS = ("left", "right", "up")


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["A. left", "B. right"], ("left", "right")),
        (["(A) left", "(B) right"], ("left", "right")),
        (["A) left", "B) right", "C) up"], OPTIONS),
        (["A: one", "B: two"], ("one", "two")),
        (["B. right", "A. left"], ("B. right", "A. left")),
        (["A. left", "right"], ("A. left", "right")),
        (["A book", "B film"], ("A book", "B film")),
        (["A.M.", "P.M."], ("A.M.", "P.M.")),
    ],
)
def test_letters_go_only_where_every_option_has_its_own(given: list[str], left: tuple[str, ...]) -> None:
    assert unmarked(given) == left


def test_answers_in_their_forms() -> None:
    assert lettered("C", OPTIONS) == 2
    assert lettered("(b)", OPTIONS) == 1
    assert indexed(0, OPTIONS) == 0
    assert indexed("2", OPTIONS) == 2
    for unknown in (None, "", "None", "N/A"):
        assert lettered(unknown, OPTIONS) is None
        assert indexed(unknown, OPTIONS) is None
    assert indexed(-1, OPTIONS) is None, "how test sets say that nobody is told"
    for wrong in ("D", "right", 1, True, "AB"):
        with pytest.raises(SampleError, match="no letter"):
            lettered(wrong, OPTIONS)
    for wrong in (3, -2, "3", True, 1.0, "one", "²"):
        with pytest.raises(SampleError, match="no index"):
            indexed(wrong, OPTIONS)


def test_names_of_tasks_and_facets() -> None:
    assert task_key("Temporal Reasoning") == "temporal_reasoning"
    assert task_key("shape & trend") == "shape_trend"
    assert task_key("S2E/T3O ") == "s2e_t3o"
    assert facets({"a": 1, "b": "", "c": None, "d": "x"}, "a", "b", "c", "d", "e") == (("a", "1"), ("d", "x"))
