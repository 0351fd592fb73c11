"""A tiny InternVL with all frames in one pair of marks, as Mini-InternVL-4B; nothing is merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import transformers

from tests.tiny import PATCH, SIDE
from tests.tiny.internvl import TINY as INTERNVL
from tests.tiny.internvl import VISION
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
        vision_config=VISION,
        text_config=transformers.LlamaConfig(**text).to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        tie_word_embeddings=False,
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    """As Map the Flow's: all frames in one placeholder."""
    return "<IMG_CONTEXT>" * (len(inputs["pixel_values"]) * (SIDE // PATCH // 2) ** 2)


TINY = replace(
    INTERNVL,
    tokenizer=lambda: chatml(["<IMG_CONTEXT>", "<img>", "</img>"], TEMPLATE),
    config=config,
    expanded=expanded,
)
