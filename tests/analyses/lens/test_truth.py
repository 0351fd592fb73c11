"""Samples whose truth is known, and others."""

from __future__ import annotations

import dataclasses

import pytest

import workbench as wb
from workbench.analyses.lens.truth import WORDS, clip_of_world, scenes_of
from workbench.errors import RunError
from workbench.mini.footage import scene_and_question


def test_samples_of_the_embedded_data_have_scenes_and_twins_one_clip() -> None:
    clips = wb.samples("mini/moving_direction,moving_direction_reversed", limit=2)
    found = scenes_of(clips)
    assert found["moving_direction/00001"] == scene_and_question("moving_direction", 1)[0]
    assert len({clip_of_world(sample) for sample in clips}) == 2
    assert len(WORDS) == 5 + 6 + 12 + 6
    own = dataclasses.replace(clips[0], question="Which way?")
    with pytest.raises(
        RunError, match=r"cells of moving_direction/00000 show is not known.*wb\.samples\('mini'\)"
    ):
        scenes_of([own])
