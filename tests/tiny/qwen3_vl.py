"""A tiny Qwen3-VL: visual features are added after the first two layers."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import Qwen3VLProcessor

from tests.tiny import HEADS, HIDDEN, PATCH, SIDE, TinyFamily
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


def tokens(tokenizer: Any) -> dict[str, Any]:
    ids = tokenizer.convert_tokens_to_ids
    return {
        "video_token_id": ids("<|video_pad|>"),
        "image_token_id": ids("<|image_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_end_token_id": ids("<|vision_end|>"),
    }


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


TINY = TinyFamily(
    tokenizer=lambda: chatml(SPECIAL, TEMPLATE),
    config=config,
    pixels={
        # Of the clip, not of a frame: four frames of 28 x 28.
        "size": {"shortest_edge": 4 * SIDE**2, "longest_edge": 4 * SIDE * 42},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "resample": 3,
    },
    expanded=expanded,
    patches=16,
    cells=4,
    group=2,
)
