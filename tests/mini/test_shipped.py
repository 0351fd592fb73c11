"""The checkpoints that come with the project answer the clips that do."""

from __future__ import annotations

import pytest

import workbench as wb
from workbench.errors import ModelError, SampleError
from workbench.mini import checkpoint, checkpoints
from workbench.mini.footage import REVERSED, clips_folder
from workbench.mini.world import KINDS


@pytest.fixture(scope="module")
def video_ft():
    return wb.load("mini/video-ft")


def accuracy(model, samples) -> float:
    right = 0
    for sample in samples:
        prompt = model.encode(sample)
        right += int(model.logits(prompt)[-1].argmax()) in prompt.answer_ids[sample.true_letter]
    return right / len(samples)


@pytest.mark.parametrize("task", KINDS)
def test_the_video_model_answers_shipped_clips(video_ft, task):
    assert accuracy(video_ft, wb.samples(f"mini/{task}", limit=12)) == 1.0


@pytest.mark.parametrize("task", REVERSED)
def test_the_video_model_answers_twins(video_ft, task):
    assert accuracy(video_ft, wb.samples(f"mini/{task}", limit=6)) == 1.0


def test_the_picture_model_knows_what_a_frame_shows():
    assert accuracy(wb.load("mini/image"), wb.samples("mini/static", limit=20)) >= 0.95


def test_names_that_do_not_exist():
    with pytest.raises(ModelError, match='"mini/image" and "mini/video-ft"'):
        checkpoint("video-tf")
    with pytest.raises(SampleError, match="moving_direction"):
        clips_folder(3, ["moving_directions"])
    assert checkpoints() == ("image", "video-ft")
