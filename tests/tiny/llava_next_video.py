"""A tiny LLaVA-NeXT-Video."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import LlavaNextVideoProcessor

from tests.tiny import PATCH, SIDE, TOWER, TinyFamily
from tests.tiny.tokenizers import sentencepiece

TEMPLATE = """\
{% for message in messages %}USER: {% for part in message['content'] %}\
{% if part['type'] == 'video' %}<video>{{ '\n' }}{% endif %}{% endfor %}\
{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}\
{% endfor %}{% if add_generation_prompt %} ASSISTANT:{% endif %}"""


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return transformers.LlavaNextVideoConfig(
        architectures=["LlavaNextVideoForConditionalGeneration"],
        vision_config=transformers.CLIPVisionConfig(**TOWER, projection_dim=32),
        text_config=transformers.LlamaConfig(**text),
        image_grid_pinpoints=[[SIDE, SIDE]],
        video_token_index=tokenizer.convert_tokens_to_ids("<video>"),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    frames = {"pixel_values_videos": inputs["pixel_values_videos"].numpy()}
    settings = SimpleNamespace(patch_size=PATCH, video_token="<video>")
    return LlavaNextVideoProcessor.replace_video_token(settings, frames, 0)  # type: ignore[arg-type]


TINY = TinyFamily(
    tokenizer=lambda: sentencepiece(TEMPLATE),
    config=config,
    pixels={
        "size": {"shortest_edge": SIDE},
        "crop_size": {"height": SIDE, "width": SIDE},
        "do_center_crop": True,
        "resample": 3,
    },
    expanded=expanded,
    patches=17,
    cells=4,
    blocks_used=1,
)
