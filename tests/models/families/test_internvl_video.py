"""InternVL for video: marks around the video or around frames, and groups of frames that are merged."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tests.models.families.test_base import embeddings
from tests.tiny import tiny_model, tiny_prompt
from tests.tiny.originals import write_internvl
from workbench.errors import ModelError
from workbench.models import VideoLLM, load
from workbench.models.checkpoints.conversion import convert


@pytest.fixture(scope="module")
def merging(tmp_path_factory: pytest.TempPathFactory) -> VideoLLM:
    """A tiny InternVideo2.5: 4 frames of 64 rows become 64."""
    place = tmp_path_factory.mktemp("hico")
    write_internvl(place / "source", hico=True)
    return load(convert(place / "source", place / "out"), device="cpu")


def test_all_frames_are_one_image_where_nothing_is_merged() -> None:
    """As Mini-InternVL in Map the Flow: rows of frames follow one another, nothing in between."""
    prompt = tiny_prompt(tiny_model("internvl_video"))
    video = prompt.layout["video"]
    assert video.tolist() == list(range(int(video[0]), int(video[0]) + 16))
    assert prompt.layout.grid == (2, 2)


def test_a_merged_group_is_the_unit(merging: VideoLLM) -> None:
    prompt = tiny_prompt(merging, n_frames=8)
    layout = prompt.layout
    assert layout.n_frames == 2
    assert layout.grid is None
    assert [len(layout[f"frame[{t}]"]) for t in range(2)] == [64, 64]
    assert [len(seconds) for seconds in layout.frame_times] == [4, 4]
    text = "".join(layout.tokens)
    for number in range(1, 9):
        assert f"Frame{number}: <img>{'<IMG_CONTEXT>' * 16}</img>\n" in text


def test_rows_of_a_group_hold_its_features_in_order(merging: VideoLLM) -> None:
    prompt = tiny_prompt(merging, n_frames=8)
    hf: Any = merging.hf
    with torch.no_grad():
        features = hf.model.get_image_features(prompt.inputs["pixel_values"]).pooler_output
    shown = embeddings(hf, prompt)
    for unit in range(2):
        assert torch.equal(shown[prompt.layout[f"frame[{unit}]"]], features[unit])


def test_a_groups_pixels_reach_its_rows_and_no_others(merging: VideoLLM) -> None:
    prompt = tiny_prompt(merging, n_frames=8)
    before = embeddings(merging.hf, prompt)
    changed = dict(prompt.inputs)
    changed["pixel_values"] = changed["pixel_values"].clone()
    changed["pixel_values"][5] += torch.randn(changed["pixel_values"][5].shape)
    from dataclasses import replace

    after = embeddings(merging.hf, replace(prompt, inputs=changed))
    moved = (before != after).any(-1).nonzero().flatten().tolist()
    assert set(moved) <= set(prompt.layout["frame[1]"].tolist())
    assert len(moved) > 30  # merging spreads a frame over its group


@pytest.mark.parametrize("frames", [1, 3, 6])
def test_frames_that_do_not_fill_their_groups_are_refused(frames: int, merging: VideoLLM) -> None:
    with pytest.raises(ModelError, match=r"merges them in groups of 4. Ask for a multiple of 4: frames=\d"):
        tiny_prompt(merging, n_frames=frames)


def test_the_trial_at_load_fills_a_group(merging: VideoLLM) -> None:
    assert merging.family.frames_a_unit(merging.config) == 4
    assert tiny_model("internvl_video").family.frames_a_unit(tiny_model("internvl_video").config) == 1
