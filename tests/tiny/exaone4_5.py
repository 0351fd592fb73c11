"""A tiny EXAONE 4.5, which no family module describes: sliding windows, norms behind attention and MLP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import transformers

from tests.tiny import HEADS, HIDDEN, PATCH
from tests.tiny.qwen2_5_vl import TINY as QWEN25
from tests.tiny.qwen2_5_vl import tokens


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    ids = tokens(tokenizer)
    return transformers.Exaone4_5_Config(
        architectures=["Exaone4_5_ForConditionalGeneration"],
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "num_key_value_heads": 1,
            "out_hidden_size": HIDDEN,
            "patch_size": PATCH,
            "window_size": 28,
            "fullatt_block_indexes": [1],
        },
        text_config={
            **text,
            "model_type": "exaone4",
            "head_dim": HIDDEN // HEADS,
            "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
        },
        image_token_id=ids["image_token_id"],
        video_token_id=ids["video_token_id"],
    )


TINY = replace(QWEN25, config=config)
