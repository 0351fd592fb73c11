"""A tiny LFM3-VL: layers 1 and 2 convolve, layer 3 attends to all rows, layer 4 to the nearest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import transformers

from tests.tiny import HEADS, HIDDEN, PATCH
from tests.tiny.qwen2_5_vl import tokens
from tests.tiny.qwen3_vl import TINY as QWEN3

KINDS = ["conv", "conv", "full_attention", "sliding_attention"]


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    layers = {"layer_types": KINDS, "head_dim": HIDDEN // HEADS, "conv_L_cache": 7, "sliding_window": 24}
    return transformers.Lfm3VlConfig(
        architectures=["Lfm3VlForConditionalGeneration"],
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "layer_types": ["conv", "full_attention"],
            "patch_size": PATCH,
        },
        text_config={**text, **layers},
        projector_hidden_size=48,
        tie_word_embeddings=False,
        **tokens(tokenizer),
    )


TINY = replace(QWEN3, config=config)
