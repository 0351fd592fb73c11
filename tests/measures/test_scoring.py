"""Rules by name, and what they say of a sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.data import DATASETS, Sample
from workbench.errors import RunError
from workbench.measures import SCORINGS, get_scoring

CLOSED = Sample(id="t/1", task="t", video=Path("c.mp4"), question="Which?", options=("red", "blue"), answer=1)
OPEN = Sample(id="t/2", task="t", video=Path("c.mp4"), question="Which?", open_answer="blue")


@pytest.mark.parametrize("name", SCORINGS)
def test_every_rule_reads_a_plain_letter(name) -> None:
    rule = get_scoring(name)
    assert rule.judge(CLOSED, "B") == ("B", True)
    assert rule.judge(CLOSED, "A") == ("A", False)
    assert rule.judge(OPEN, "Blue, I think") == ("Blue, I think", True)
    assert rule.judge(OPEN, "red") == ("red", False)


def test_rules_differ_where_they_should() -> None:
    said = {name: rule.judge(CLOSED, "Because it moves") for name, rule in SCORINGS.items()}
    assert said["lmms_longvideobench"] == ("B", True)
    assert said["workbench"] == ("", False)
    assert said["lmms_tomato"] == ("B", True)


def test_a_letter_beyond_the_options_is_never_right() -> None:
    for rule in SCORINGS.values():
        assert rule.judge(CLOSED, "D")[1] is False


def test_every_benchmarks_rule_exists() -> None:
    named = {entry.scoring for entry in DATASETS.values()} - {None}
    assert named <= set(SCORINGS)
    assert len(named) == 8


def test_another_name_is_refused() -> None:
    with pytest.raises(RunError, match="Did you mean 'lmms_mvbench'"):
        get_scoring("lmms_mvbnch")
