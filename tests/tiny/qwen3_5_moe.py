"""A tiny Qwen3.5 with experts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import transformers

from tests.tiny.qwen3_5 import TINY as QWEN35
from tests.tiny.qwen3_5 import config as as_qwen3_5
from tests.tiny.qwen3_vl_moe import EXPERTS


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    said = as_qwen3_5(tokenizer, text).to_dict()
    for part in (said, said["text_config"], said["vision_config"]):
        part.pop("model_type")
    said["text_config"] |= {**EXPERTS, "shared_expert_intermediate_size": 32}
    return transformers.Qwen3_5MoeConfig(**{**said, "architectures": ["Qwen3_5MoeForConditionalGeneration"]})


TINY = replace(QWEN35, config=config, experts=True)
