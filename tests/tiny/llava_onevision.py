"""A tiny LLaVA-OneVision."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import LlavaOnevisionProcessor

from tests.tiny import SIDE, TOWER, TinyFamily
from tests.tiny.tokenizers import CHATML, chatml

TEMPLATE = (
    CHATML.replace("{{ opening }}", " ")
    .replace("VIDEO", "<video>")
    .replace("TEXT", "{{ '\n' + part['text'] }}")
)


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return transformers.LlavaOnevisionConfig(
        architectures=["LlavaOnevisionForConditionalGeneration"],
        vision_config=transformers.SiglipVisionConfig(**TOWER, vision_use_head=False),
        text_config=transformers.Qwen2Config(**text),
        image_grid_pinpoints=[[SIDE, SIDE]],
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    frames = {"pixel_values_videos": inputs["pixel_values_videos"].numpy()}
    settings = SimpleNamespace(num_image_tokens=16, video_token="<video>")
    return LlavaOnevisionProcessor.replace_video_token(settings, frames, 0)  # type: ignore[arg-type]


TINY = TinyFamily(
    tokenizer=lambda: chatml(["<image>", "<video>"], TEMPLATE),
    config=config,
    pixels={
        "size": {"height": SIDE, "width": SIDE},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 3,
    },
    expanded=expanded,
    patches=16,
    cells=16,
    pooled=lambda hf, cells: hf.model.apply_pooling(cells),
)
