"""SmolVLM2: what is said of the clip and of each frame, and frames resized twice."""

from __future__ import annotations

import dataclasses

import pytest

from tests.models.families.recorded import check_pixels
from tests.tiny import tiny_clip, tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models.families.smolvlm import number_in_words


def test_pixels_are_those_of_the_video_processor() -> None:
    """Through a longest edge of 112 pixels to squares of 28."""
    pixels = dataclasses.replace(tiny_model("smolvlm").pixels, size={"longest_edge": 112})
    one = [0.215686, -0.631373, 0.168627, 0.207843]
    check_pixels("smolvlm", 3, (1, 3, 3, 28, 28), one, 8.047, 770.464, pixels=pixels)
    two = [0.215686, 0.184314, -0.003922, 0.168627]
    check_pixels("smolvlm", 5, (1, 5, 3, 28, 28), two, 9.702, 1293.036, pixels=pixels)


@pytest.mark.parametrize(
    ("number", "words"),
    [  # as num2words 0.5.14 writes them
        (0, "zero"),
        (8, "eight"),
        (19, "nineteen"),
        (20, "twenty"),
        (64, "sixty-four"),
        (100, "one hundred"),
        (105, "one hundred and five"),
        (999, "nine hundred and ninety-nine"),
    ],
)
def test_numbers_in_words(number: int, words: str) -> None:
    assert number_in_words(number) == words


def test_more_frames_than_can_be_said_are_refused() -> None:
    with pytest.raises(ModelError, match="1,000 frames"):
        number_in_words(1000)


def test_times_are_written_as_minutes_and_seconds() -> None:
    model = tiny_model("smolvlm")
    clip = dataclasses.replace(tiny_clip(3), timestamps=tiny_clip(3).timestamps + 71, duration=None)
    prompt = model.encode(clip, "Where?")
    said = str(model.tokenizer.decode(prompt.input_ids[0, prompt.layout["between"]].tolist()))
    assert said == (
        "You are provided the following series of three frames from a 0:01:12 [H:MM:SS] video.\n"
        "\nFrame from 01:11:\nFrame from 01:11:\nFrame from 01:12:\n\n"
    )


def test_the_processors_own_template_is_taken_whatever_the_checkpoint_has() -> None:
    model = dataclasses.replace(tiny_model("smolvlm"), template="no video here")
    assert tiny_prompt(model).text == tiny_prompt(tiny_model("smolvlm")).text


def test_frames_that_are_not_resized_must_fit_the_tower() -> None:
    model = tiny_model("smolvlm")
    with pytest.raises(ModelError, match="36, 48"):
        tiny_prompt(model, pixels=dataclasses.replace(model.pixels, do_resize=False))
