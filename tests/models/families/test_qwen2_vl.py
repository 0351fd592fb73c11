"""Qwen2-VL: patches as its processor cuts them, positions that count units."""

from __future__ import annotations

import dataclasses

from tests.models.families.recorded import check_pixels
from tests.models.families.test_base import decoder_call
from tests.tiny import tiny_clip, tiny_model


def test_patches_are_those_of_the_video_processor() -> None:
    check_pixels("qwen2_vl", 3, (32, 294), [0.514289, 0.441297, -0.507601, -0.711979], 1762.897, 3516.795)
    check_pixels("qwen2_vl", 5, (48, 294), [0.514289, 0.076336, -0.711979, -0.128042], 2680.559, 5393.855)


def test_positions_count_units_whatever_the_frame_rate() -> None:
    model = tiny_model("qwen2_vl")
    clip = tiny_clip(6, height=28, width=28)
    slow = dataclasses.replace(clip, timestamps=clip.timestamps * 4)
    for shown in (clip, slow):
        prompt = model.encode(shown, "Where?")
        time = decoder_call(model.hf, prompt)["position_ids"][-3, 0]
        starts = [int(time[prompt.layout[f"frame[{unit}]"][0]]) for unit in range(3)]
        assert starts == [starts[0], starts[0] + 1, starts[0] + 2]
        assert "second_per_grid_ts" not in prompt.inputs
