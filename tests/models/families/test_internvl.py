"""InternVL 3: an image a frame, behind its number."""

from __future__ import annotations

import dataclasses

import pytest

from tests.models.families.recorded import check_pixels
from tests.tiny import tiny_model, tiny_prompt
from workbench.errors import ModelError


def test_pixels_are_those_of_the_video_processor() -> None:
    one = [0.587807, -0.967843, 0.607843, 0.553558]
    check_pixels("internvl", 3, (3, 3, 28, 28), one, 1618.907, 3786.424)
    check_pixels("internvl", 5, (5, 3, 28, 28), [0.587807, 0.41656, 0.152661, 0.844793], 2686.849, 6367.378)


def test_numbers_stand_between_the_frames_and_marks_around_them() -> None:
    model = tiny_model("internvl")
    prompt = tiny_prompt(model)
    decode = model.tokenizer.decode
    text = [
        str(decode(prompt.input_ids[0, prompt.layout[span]].tolist())) for span in ("between", "separator")
    ]
    assert text == ["Frame1: \nFrame2: \nFrame3: \nFrame4: ", "<img></img>" * 4]
    second = tiny_prompt(model, separators="frame").layout["frame[1]"]
    assert str(decode(prompt.input_ids[0, second].tolist())) == f"\nFrame2: <img>{'<IMG_CONTEXT>' * 4}</img>"


def test_frames_of_another_size_than_the_tower_are_refused() -> None:
    model = tiny_model("internvl")
    small = dataclasses.replace(model.pixels, size={"height": 14, "width": 28})
    with pytest.raises(ModelError, match=r"\(14, 28\) pixels, and its vision tower takes \(28, 28\)"):
        tiny_prompt(model, pixels=small)
