"""A tiny VideoLLaMA3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import transformers

from tests.tiny import N_FRAMES, PATCH, SIDE, TinyFamily
from tests.tiny.tokenizers import CHATML, chatml

TEMPLATE = (
    CHATML.replace("{{ opening }}", "{{ '\n' }}")
    .replace("VIDEO", "<|video_pad|>{{ '\n' }}")
    .replace("TEXT", "{{ part['text'] }}")
)


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    ids = tokenizer.convert_tokens_to_ids
    return transformers.VideoLlama3Config(
        architectures=["VideoLlama3ForConditionalGeneration"],
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "patch_size": PATCH,
        },
        text_config=transformers.Qwen2Config(**text).to_dict(),
        video_token_id=ids("<|video_pad|>"),
        image_token_id=ids("<|image_pad|>"),
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    """As `VideoLlama3Processor.replace_video_token` writes frames at 0.25, 0.75, .. s without compression."""
    frames, height, width = inputs["video_grid_thw"][0].tolist()
    seconds = 0.25 + 0.5 * np.arange(frames)
    rows = "<|video_pad|>" * (height * width // 4)
    return ",".join(f"Time {second:.1f}s:{rows}" for second in seconds)


TINY = TinyFamily(
    tokenizer=lambda: chatml(["<|image_pad|>", "<|video_pad|>"], TEMPLATE),
    config=config,
    pixels={
        # The tiny clip becomes 28 x 28 pixels, so that every family has 2 x 2 cells.
        "size": {"shortest_edge": SIDE**2, "longest_edge": N_FRAMES * SIDE * 42},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "patch_size": PATCH,
        "temporal_patch_size": 1,
        "merge_size": 2,
        "resample": 3,
    },
    expanded=expanded,
    patches=16,
    cells=4,
)
