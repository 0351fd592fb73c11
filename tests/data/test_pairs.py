"""Clips and their counterfactuals: found, asked alike, or made by a swap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.benchmarks import vinoground
from tests.tiny import tiny_sample
from workbench.data import pairs, samples, swapped
from workbench.data.pairs import as_pairs
from workbench.errors import SampleError
from workbench.video import read_clip


def test_the_embedded_worlds_twins_are_asked_the_clips_own_question() -> None:
    both = samples("mini/moving_direction,moving_direction_reversed,object_count", limit=3)
    found = pairs(both)
    assert [pair.id for pair in found] == [f"moving_direction/0000{number}" for number in range(3)]
    for clip, twin in found:
        assert twin.id == clip.id.replace("/", "_reversed/")
        assert twin.options == clip.options
        assert twin.question == clip.question
        assert twin.true_option == both[twin.id].true_option != clip.true_option
        assert twin.video == both[twin.id].video


def test_two_samples_of_a_group_are_a_pair(tmp_path: Path) -> None:
    found = pairs(samples("vinoground", root=vinoground().write(tmp_path / "set")))
    assert [(clip.task, clip.group) for clip, _ in found] == [
        ("text", "0"), ("text", "1"), ("video", "0"), ("video", "1"),
    ]  # fmt: skip
    assert all(clip.true_option != twin.true_option for clip, twin in found if clip.task == "text")


def test_pairs_of_ones_own_and_what_is_none() -> None:
    one = tiny_sample()
    other = replace(one, id="other", options=one.options[::-1], answer=2)
    (found,) = as_pairs([(one, other)])
    assert found.twin.options == one.options
    assert found.twin.true_option == other.true_option
    asked_otherwise = replace(other, question="Which?")
    assert as_pairs([(one, asked_otherwise)])[0].twin is asked_otherwise
    unknown = replace(other, answer=None)
    assert as_pairs([(one, unknown)])[0].twin.answer is None
    with pytest.raises(SampleError, match="no pair among these 2"):
        pairs([one, other])
    with pytest.raises(SampleError, match="several pairs, or its own twin"):
        as_pairs([(one, one)])
    with pytest.raises(SampleError, match="is no pair"):
        as_pairs([(one, 7)])  # type: ignore[list-item]
    with pytest.raises(SampleError, match="No pair was given"):
        as_pairs([])


def test_two_frames_are_swapped_and_nothing_else(tmp_path: Path) -> None:
    (sample,) = samples("mini/moving_direction", limit=1)
    clip, twin = swapped(sample, 1, 6, tmp_path)
    before, after = (read_clip(one.video, 8).frames for one in (clip, twin))
    assert np.array_equal(before, read_clip(sample.video, 8).frames)
    assert np.array_equal(after[[0, 6, 2, 3, 4, 5, 1, 7]], before)
    assert twin.answer is None
    assert twin.id != clip.id == sample.id
    for first, second in ((1, 1), (0, 8), (-1, 2)):
        with pytest.raises(SampleError, match="cannot be swapped"):
            swapped(sample, first, second, tmp_path)
