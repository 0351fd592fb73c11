"""A tiny Qwen2-VL."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import transformers

from tests.tiny import HIDDEN, PATCH
from tests.tiny.qwen2_5_vl import TINY as QWEN25
from tests.tiny.qwen2_5_vl import text_config, tokens


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return transformers.Qwen2VLConfig(
        architectures=["Qwen2VLForConditionalGeneration"],
        vision_config={
            "depth": 2,
            "embed_dim": 32,
            "hidden_size": HIDDEN,
            "num_heads": 2,
            "mlp_ratio": 2,
            "patch_size": PATCH,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        text_config=text_config(text),
        **tokens(tokenizer),
    )


TINY = replace(QWEN25, config=config, patches=16, cells=4, wide=False, seed=1)
