"""What is asked about which frames, and requests that contradict themselves."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.tiny import tiny_clip, tiny_model, tiny_prompt, tiny_sample
from workbench.errors import ClipError, PromptError
from workbench.video import write_clip


def test_a_video_file_is_read(tmp_path: Path) -> None:
    frames = tiny_clip(16, height=48, width=64).frames
    path = write_clip(tmp_path / "clip.mp4", frames, fps=8)
    model = tiny_model()
    sample = dataclasses.replace(tiny_sample(), video=path)
    assert model.encode(sample).layout.n_frames == 8
    assert model.encode(sample, frames=4).layout.n_frames == 4
    assert model.encode(path, "What moves?", frames="uniform(3)").layout.n_frames == 3
    late = model.encode(dataclasses.replace(sample, start=1.0), frames=2)
    assert min(time for times in late.layout.frame_times for time in times) >= 1.0
    with pytest.raises(ClipError):
        model.encode(tiny_sample())


def test_another_clip_may_take_the_place_of_the_samples_video() -> None:
    model, clip = tiny_model(), tiny_clip()
    backwards = dataclasses.replace(clip, frames=clip.frames[::-1].copy())
    forwards, reverse = tiny_prompt(model), model.encode(tiny_sample(), clip=backwards)
    assert torch.equal(forwards.inputs["pixel_values_videos"].flip(1), reverse.inputs["pixel_values_videos"])
    assert torch.equal(forwards.input_ids, reverse.input_ids)


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        ((tiny_sample(), "And this?"), {}, "brings its own question"),
        ((tiny_sample(),), {"options": ["a", "b"]}, "brings its own question"),
        ((tiny_sample(),), {"clip": tiny_clip(), "frames": 4}, "frames are already chosen"),
        ((tiny_clip(), "What?"), {"frames": 4}, "frames=4 would do nothing"),
        ((tiny_clip(), "What?"), {"clip": tiny_clip()}, "give the clip first"),
        ((tiny_clip(),), {}, "A clip needs a question"),
        ((3, "What?"), {}, "not from int"),
        ((tiny_sample(),), {"clip": tiny_clip(), "style": "mvbnch"}, "Did you mean 'mvbench'"),
        ((tiny_sample(),), {"clip": tiny_clip(), "style": "open"}, "leaves out"),
        ((tiny_sample(),), {"clip": 3}, "not from int"),
    ],
)
def test_requests_that_contradict_themselves_are_refused(arguments: tuple, options: dict, says: str) -> None:
    with pytest.raises(PromptError, match=says):
        tiny_model().encode(*arguments, **options)
