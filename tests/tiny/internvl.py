"""A tiny InternVL 3."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import InternVLProcessor

from tests.tiny import PATCH, SIDE, TOWER, TinyFamily
from tests.tiny.tokenizers import CHATML, chatml

TEMPLATE = (
    CHATML.replace("{{ opening }}", "{{ '\n' }}")
    .replace("VIDEO", "<video>{{ '\n' }}")
    .replace("TEXT", "{{ part['text'] }}")
)


VISION: dict[str, Any] = {
    **TOWER,
    "image_size": [SIDE, SIDE],
    "patch_size": [PATCH, PATCH],
    "attention_bias": True,
}


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return transformers.InternVLConfig(
        architectures=["InternVLForConditionalGeneration"],
        vision_config=VISION,
        text_config=transformers.Qwen2Config(**text).to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        tie_word_embeddings=False,
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    settings = SimpleNamespace(
        start_image_token="<img>", end_image_token="</img>", image_token="<IMG_CONTEXT>", image_seq_length=4
    )
    frames = {"pixel_values_videos": inputs["pixel_values"][None].numpy()}
    return InternVLProcessor.replace_video_token(settings, frames, 0)  # type: ignore[arg-type]


TINY = TinyFamily(
    tokenizer=lambda: chatml(["<img>", "</img>", "<IMG_CONTEXT>", "<video>"], TEMPLATE),
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
