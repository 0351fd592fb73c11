"""A tiny Qwen2.5-VL."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import Qwen2_5_VLProcessor

from tests.tiny import HIDDEN, PATCH, SIDE, TinyFamily
from tests.tiny.tokenizers import CHATML, chatml

SPECIAL = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
TEMPLATE = "<|im_start|>system{{ '\n' }}You are a helpful assistant.<|im_end|>{{ '\n' }}" + CHATML.replace(
    "{{ opening }}", "{{ '\n' }}"
).replace("VIDEO", "<|vision_start|><|video_pad|><|vision_end|>").replace("TEXT", "{{ part['text'] }}")


def tokens(tokenizer: Any) -> dict[str, Any]:
    ids = tokenizer.convert_tokens_to_ids
    return {
        "video_token_id": ids("<|video_pad|>"),
        "image_token_id": ids("<|image_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_end_token_id": ids("<|vision_end|>"),
    }


def text_config(text: dict[str, Any]) -> dict[str, Any]:
    rope = {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}
    return {**text, "rope_parameters": rope}


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return transformers.Qwen2_5_VLConfig(
        architectures=["Qwen2_5_VLForConditionalGeneration"],
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": HIDDEN,
            "patch_size": PATCH,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "window_size": 28,
            "fullatt_block_indexes": [1],
            "tokens_per_second": 2,
        },
        text_config=text_config(text),
        **tokens(tokenizer),
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    settings = SimpleNamespace(video_processor=SimpleNamespace(merge_size=2), video_token="<|video_pad|>")
    grid = {"video_grid_thw": inputs["video_grid_thw"].numpy()}
    return Qwen2_5_VLProcessor.replace_video_token(settings, grid, 0)  # type: ignore[arg-type]


TINY = TinyFamily(
    tokenizer=lambda: chatml(
        ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"], TEMPLATE
    ),
    config=config,
    pixels={
        # The tiny clip becomes 28 x 28 pixels, so that every family has 2 x 2 cells.
        "size": {"shortest_edge": SIDE**2, "longest_edge": SIDE * 42},
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "resample": 3,
    },
    expanded=expanded,
    patches=48,
    cells=12,
    group=2,
    wide=True,
)
