"""LLaVA-NeXT-Video: frames one after another, nothing in between, newlines for still images only."""

from __future__ import annotations

import numpy as np

from tests.models.families.test_base import embeddings
from tests.tiny import tiny_model, tiny_prompt


def test_the_video_is_its_frames_and_nothing_else() -> None:
    model = tiny_model("llava_next_video")
    prompt = tiny_prompt(model)
    layout = prompt.layout
    assert "separator" not in layout.names()
    np.testing.assert_array_equal(layout["video"], np.concatenate(layout.frames))
    assert np.array_equal(np.diff(layout["video"]), np.ones(len(layout["video"]) - 1))
    assert layout.grid is not None
    assert all(len(frame) == np.prod(layout.grid) for frame in layout.frames)
    assert layout.n_frames == len(prompt.clip)


def test_the_newline_of_still_images_is_in_no_row() -> None:
    model = tiny_model("llava_next_video")
    newline = model.hf.model.image_newline
    assert not (embeddings(model.hf, tiny_prompt(model)) == newline).all(-1).any()
