"""A tiny Qwen3.5: layers 1 to 3 with linear attention, layer 4 with softmax attention."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import transformers

from tests.tiny.qwen2_5_vl import tokens
from tests.tiny.qwen3_vl import TINY as QWEN3
from tests.tiny.qwen3_vl import VISION, text_config


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    linear = {
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
        "linear_conv_kernel_dim": 4,
    }
    said = text_config(text)
    said["rope_parameters"] |= {"partial_rotary_factor": 0.5, "mrope_section": [2, 1, 1]}
    return transformers.Qwen3_5Config(
        architectures=["Qwen3_5ForConditionalGeneration"],
        vision_config={name: value for name, value in VISION.items() if not name.startswith("deepstack")},
        text_config={**said, **linear},
        **tokens(tokenizer),
    )


TINY = replace(QWEN3, config=config)
