"""A tiny InternVL with all frames in one pair of marks, as Mini-InternVL-4B; nothing is merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import transformers

from tests.tiny import PATCH, SIDE, TinyFamily
from tests.tiny.tokenizers import CHATML, chatml
from workbench.models.families.token_merging import InternVLVideoConfig

TEMPLATE = (
    CHATML.replace("{{ opening }}", "{{ '\n' }}")
    .replace("TEXT", "{{ part['text'] }}")
    .replace("VIDEO", "<IMG_CONTEXT>{{ '\n' }}")
)


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return InternVLVideoConfig(
        architectures=["InternVLVideoForConditionalGeneration"],
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": [SIDE, SIDE],
            "patch_size": [PATCH, PATCH],
            "attention_bias": True,
        },
        text_config=transformers.LlamaConfig(**text).to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        tie_word_embeddings=False,
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    """As Map the Flow's: all frames in one placeholder."""
    return "<IMG_CONTEXT>" * (len(inputs["pixel_values"]) * (SIDE // PATCH // 2) ** 2)


TINY = TinyFamily(
    tokenizer=lambda: chatml(["<IMG_CONTEXT>", "<img>", "</img>"], TEMPLATE),
    config=config,
    pixels={
        "size": {"height": SIDE, "width": SIDE},
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "resample": 3,
    },
    expanded=expanded,
    patches=17,
    cells=4,
)
