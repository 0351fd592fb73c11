"""Qwen2.5-VL: positions with three axes, patches as its processor cuts them."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.models.families.test_base import decoder_call
from tests.prompts.test_pixels import noise
from tests.tiny import tiny_clip, tiny_model, tiny_prompt
from workbench.models.families.qwen2_5_vl import patchify, smart_resize
from workbench.prompts.pixels import PixelSettings, pixels


def test_qwen_positions_have_three_axes() -> None:
    model = tiny_model("qwen2_5_vl")
    clip = tiny_clip(6, height=28, width=42)
    prompt = model.encode(clip, "Where?")
    layout = prompt.layout
    assert (layout.n_frames, layout.grid) == (3, (2, 3))
    positions = decoder_call(model.hf, prompt)["position_ids"]
    assert positions.shape == (3, 1, len(prompt))
    time, row, column = positions[:, 0]
    start = int(layout["video"][0])
    # Two units a second (tokens_per_second), and each group of two frames lasts one second.
    for t in range(3):
        for i in range(2):
            for j in range(3):
                (at,) = layout[f"cell[{t},{i},{j}]"]
                assert (time[at], row[at], column[at]) == (start + 2 * t, start + i, start + j)
    text = layout["text"]
    assert torch.equal(time[text], row[text])
    assert torch.equal(row[text], column[text])
    # Text goes on after the largest position of the grid's sides.
    assert time[text[0]] == start + 3
    assert torch.equal(time[text].diff(), torch.ones(len(text) - 1, dtype=torch.long))


def test_qwen_without_token_types_would_fall_back_to_one_axis() -> None:
    model = tiny_model("qwen2_5_vl")
    prompt = tiny_prompt(model)
    flat = dataclasses.replace(
        prompt, inputs={name: value for name, value in prompt.inputs.items() if name != "mm_token_type_ids"}
    )
    assert decoder_call(model.hf, flat)["position_ids"] is None
    assert (model.logits(prompt) - model.logits(flat)).abs().max() > 0.01


def test_frame_rate_reaches_qwens_positions() -> None:
    model = tiny_model("qwen2_5_vl")
    clip = tiny_clip()
    slow = dataclasses.replace(clip, timestamps=clip.timestamps * 4)
    once, later = (model.encode(shown, "Where?") for shown in (clip, slow))
    assert once.inputs["second_per_grid_ts"].tolist() == [1.0]
    assert later.inputs["second_per_grid_ts"].tolist() == [4.0]
    time = decoder_call(model.hf, later)["position_ids"][0, 0]
    assert time[later.layout["frame[1]"][0]] - time[later.layout["frame[0]"][0]] == 8
    single = model.encode(tiny_clip(1), "Where?")
    assert single.layout.n_frames == 1
    assert torch.isfinite(model.logits(single)).all()


def test_qwen_patches_are_those_of_the_video_processor() -> None:
    settings = PixelSettings(size={"shortest_edge": 56 * 56, "longest_edge": 90 * 90})
    size = smart_resize(90, 131, settings)
    patches, grid = patchify(pixels(noise(90, 131), settings, size=size), settings)
    found = patches.flatten().double()
    assert grid == (1, 4, 6)
    assert patches.shape == (24, 1176)
    expected = [0.193123, 0.266116, -1.310514, 1.331801, 0.017942, -0.595192]
    assert found[:: len(found) // 6][:6].tolist() == pytest.approx(expected, abs=1e-5)
    assert found.sum().item() == pytest.approx(5298.832, abs=0.01)
    assert found.square().sum().item() == pytest.approx(21150.341, abs=0.01)


def test_patches_are_in_the_order_of_cells() -> None:
    """By hand: unit, cell row, cell column, then the cell's patches, each channel first."""
    settings = PixelSettings(size={}, patch_size=2, temporal_patch_size=2, merge_size=2)
    values = torch.randn(3, 3, 8, 12)
    patches, grid = patchify(values, settings)
    assert grid == (2, 4, 6)
    filled = torch.cat([values, values[-1:]])
    row = 0
    for unit in range(2):
        for cell_row in range(2):
            for cell_column in range(3):
                for inner_row in range(2):
                    for inner_column in range(2):
                        top, left = 4 * cell_row + 2 * inner_row, 4 * cell_column + 2 * inner_column
                        patch = filled[2 * unit : 2 * unit + 2, :, top : top + 2, left : left + 2]
                        assert torch.equal(patches[row], patch.transpose(0, 1).flatten())
                        row += 1
    assert row == len(patches)


@pytest.mark.parametrize("size", [(240, 320), (90, 131), (28, 28), (1080, 1920), (20, 900)])
def test_smart_resize_equals_transformers(size: tuple[int, int]) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize as theirs

    settings = PixelSettings(size={"shortest_edge": 56 * 56, "longest_edge": 600 * 600})
    assert smart_resize(*size, settings) == theirs(*size, 28, 56 * 56, 600 * 600)
