"""A tiny Qwen3-VL with four experts, two of which work for a token."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import transformers

from tests.tiny.qwen2_5_vl import tokens
from tests.tiny.qwen3_vl import TINY as QWEN3
from tests.tiny.qwen3_vl import VISION, text_config

EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return transformers.Qwen3VLMoeConfig(
        architectures=["Qwen3VLMoeForConditionalGeneration"],
        vision_config=VISION,
        text_config={**text_config(text), **EXPERTS},
        **tokens(tokenizer),
    )


TINY = replace(QWEN3, config=config, experts=True)
