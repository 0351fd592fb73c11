"""A tiny model of the LLaVA line, with a newline behind every row of cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch.nn.functional as F
import transformers

from tests.tiny import PATCH, SIDE, TOWER
from tests.tiny.llava_onevision import TINY as ONEVISION
from tests.tiny.tokenizers import CHATML, chatml
from workbench.models.families.frame_pooling import PooledLlavaConfig

TEMPLATE = (
    CHATML.replace("{{ opening }}", "{{ '\n' }}")
    .replace("VIDEO", "<video>{{ '\n' }}")
    .replace("TEXT", "{{ part['text'] }}")
)


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return PooledLlavaConfig(
        architectures=["PooledLlavaForConditionalGeneration"],
        vision_config=transformers.SiglipVisionConfig(**TOWER, vision_use_head=False),
        text_config=transformers.Qwen2Config(**text),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        pool_mode="average",
        newlines="grid",
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    """As LLaVA-NeXT's add_token_per_grid: of T frames T * h rows of w cells and a newline."""
    frames, side = inputs["pixel_values_videos"].shape[1], SIDE // PATCH // 2
    return "<video>" * (frames * side * (side + 1))


TINY = replace(
    ONEVISION,
    tokenizer=lambda: chatml(["<image>", "<video>"], TEMPLATE),
    config=config,
    expanded=expanded,
    pooled=lambda hf, cells: F.avg_pool2d(cells.transpose(1, 2).unflatten(2, (4, 4)), 2).flatten(2).mT,
)
