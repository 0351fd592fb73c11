"""A tiny Video-LLaVA, of 2 x 2 patches a frame: nothing is pooled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import VideoLlavaProcessor

from tests.tiny import TOWER
from tests.tiny.llava_next_video import TINY as LLAVA_NEXT


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return transformers.VideoLlavaConfig(
        architectures=["VideoLlavaForConditionalGeneration"],
        vision_config=transformers.CLIPVisionConfig(**{**TOWER, "patch_size": 14}),
        text_config=transformers.LlamaConfig(**text),
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    frames = {"pixel_values_videos": inputs["pixel_values_videos"].numpy()}
    settings = SimpleNamespace(patch_size=14, num_additional_image_tokens=1, video_token="<video>")
    return VideoLlavaProcessor.replace_video_token(settings, frames, 0)  # type: ignore[arg-type]


TINY = replace(LLAVA_NEXT, config=config, expanded=expanded, patches=5, cells=5)
