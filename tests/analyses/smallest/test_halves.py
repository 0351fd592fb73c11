from __future__ import annotations

from pathlib import Path

import pytest

import workbench as wb
from workbench.analyses.smallest.halves import search_and_test
from workbench.data import Sample, Samples
from workbench.errors import RunError


def sample(id: str, video: str, task: str = "t", group: str | None = None) -> Sample:
    options = {"options": ("a", "b"), "answer": 0}
    return Sample(id=id, task=task, video=Path(video), question="?", group=group, **options)


def ids(samples: Samples) -> list[str]:
    return [one.id for one in samples]


def test_tasks_are_halved_and_keep_their_order() -> None:
    made = [sample(f"{task}/{n}", f"{task}{n}.mp4", task) for task in "ab" for n in range(4)]
    search, test = search_and_test(made)
    assert ids(search) == ["a/0", "a/2", "b/0", "b/2"]
    assert ids(test) == ["a/1", "a/3", "b/1", "b/3"]


def test_a_clip_and_a_group_stay_in_one_half_even_through_one_another() -> None:
    made = [
        sample("0", "x.mp4"),
        sample("1", "y.mp4", group="pair"),
        sample("2", "x.mp4", "u"),
        sample("3", "z.mp4", "u", group="pair"),
        sample("4", "y.mp4", "u"),
        sample("5", "w.mp4"),
        sample("6", "w.mp4", group="pair"),  # joins two families that were apart
        sample("7", "v.mp4"),
    ]
    search, test = search_and_test(made)
    halves = [set(ids(search)), set(ids(test))]
    for family in ({"0", "2"}, {"1", "3", "4", "5", "6"}):
        assert any(family <= half for half in halves)
    assert halves[1] == {"1", "3", "4", "5", "6"}


def test_reversed_twins_of_the_embedded_data_stay_together() -> None:
    samples = wb.samples("mini", tasks=["moving_direction", "moving_direction_reversed"], limit=6)
    search, test = search_and_test(samples)
    numbers = [{one.video.name for one in half} for half in (search, test)]
    assert not numbers[0] & numbers[1]
    assert len(search) == len(test) == 6


def test_one_clip_cannot_be_halved() -> None:
    with pytest.raises(RunError, match="Use two clips or more"):
        search_and_test([sample("0", "x.mp4"), sample("1", "x.mp4", "u")])
