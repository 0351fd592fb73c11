"""A tiny Qwen3-VL: visual features are added after the first two layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import Qwen3VLProcessor

from tests.tiny import HEADS, HIDDEN, PATCH, SIDE
from tests.tiny.qwen2_5_vl import TINY as QWEN25
from tests.tiny.qwen2_5_vl import tokens
from tests.tiny.tokenizers import CHATML, chatml

SPECIAL = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
TEMPLATE = (
    CHATML.replace("{{ opening }}", "{{ '\n' }}")
    .replace("VIDEO", "<|vision_start|><|video_pad|><|vision_end|>")
    .replace("TEXT", "{{ part['text'] }}")
)
VISION: dict[str, Any] = {
    "depth": 2,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_heads": 2,
    "out_hidden_size": HIDDEN,
    "patch_size": PATCH,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "num_position_embeddings": 16,
    "deepstack_visual_indexes": [0, 1],
}


def text_config(text: Mapping[str, Any]) -> dict[str, Any]:
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    return {**text, "head_dim": HIDDEN // HEADS, "rope_parameters": rope}


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return transformers.Qwen3VLConfig(
        architectures=["Qwen3VLForConditionalGeneration"],
        vision_config=VISION,
        text_config=text_config(text),
        **tokens(tokenizer),
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    """As the processor writes the tiny clip, a frame every half second from 0.25 s on."""
    units = int(inputs["video_grid_thw"][0, 0])
    settings = SimpleNamespace(
        video_processor=SimpleNamespace(merge_size=2, temporal_patch_size=2),
        video_token="<|video_pad|>",
        vision_start_token="<|vision_start|>",
        vision_end_token="<|vision_end|>",
        _calculate_timestamps=lambda *_: [0.5 + unit for unit in range(units)],
    )
    clip = {
        "video_grid_thw": inputs["video_grid_thw"].numpy(),
        "video_metadata": [SimpleNamespace(fps=2.0, frames_indices=[])],
    }
    return Qwen3VLProcessor.replace_video_token(settings, clip, 0)  # type: ignore[arg-type]


TINY = replace(
    QWEN25,
    tokenizer=lambda: chatml(SPECIAL, TEMPLATE),
    config=config,
    pixels={
        **QWEN25.pixels,
        # Of the clip, not of a frame: four frames of 28 x 28.
        "size": {"shortest_edge": 4 * SIDE**2, "longest_edge": 4 * SIDE * 42},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    },
    expanded=expanded,
    patches=16,
    cells=4,
    wide=False,
)
