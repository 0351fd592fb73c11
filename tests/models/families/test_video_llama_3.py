"""VideoLLaMA3: times before frames, commas between them, and pixels that all frames share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tiny import tiny_clip, tiny_model, tiny_prompt, tiny_sample
from workbench.errors import ModelError


def test_every_frame_stands_behind_its_time() -> None:
    model = tiny_model("video_llama_3")
    prompt = tiny_prompt(model)
    text = "".join(prompt.layout.tokens)
    pad = "<|video_pad|>" * 4
    assert f"Time 0.2s:{pad},Time 0.8s:{pad},Time 1.2s:{pad},Time 1.8s:{pad}\n" in text
    assert [len(prompt.layout[f"frame[{t}]"]) >= 4 for t in range(4)] == [True] * 4


def test_the_comma_belongs_to_the_later_frame() -> None:
    """As `borders_frame` of Map the Flow's analysis of VideoLLaMA3."""
    prompt = tiny_prompt(tiny_model("video_llama_3"), separators="frame")
    opened = ["".join(prompt.layout.tokens[row] for row in prompt.layout[f"frame[{t}]"]) for t in range(4)]
    assert [text.startswith(",") for text in opened] == [False, True, True, True]
    assert all(text.endswith("<|video_pad|>") for text in opened)


def test_all_frames_together_have_the_most_pixels() -> None:
    """max_tokens of the authors' image processor is for the whole video."""
    model = tiny_model("video_llama_3")
    pixels = replace(model.pixels, size={"shortest_edge": 14 * 14, "longest_edge": 17 * 14 * 14})
    sizes = {}
    for frames in (1, 4, 16):
        clip = tiny_clip(frames, height=48, width=48)
        prompt = model.encode(tiny_sample(), clip=clip, pixels=pixels)
        sizes[frames] = prompt.layout.grid
    assert sizes == {1: (3, 3), 4: (2, 2), 16: (1, 1)}


def test_patches_of_another_size_are_refused() -> None:
    model = tiny_model("video_llama_3")
    with pytest.raises(ModelError, match="cuts patches of 14 pixels, and its tower takes 7"):
        tiny_prompt(model, pixels=replace(model.pixels, patch_size=14))
