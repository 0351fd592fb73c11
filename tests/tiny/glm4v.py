"""A tiny GLM-4.1V."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import Glm4vProcessor

from tests.tiny import HIDDEN, PATCH, SIDE
from tests.tiny.qwen2_5_vl import TINY as QWEN25
from tests.tiny.tokenizers import chatml

SPECIAL = [
    f"<|{token}|>"
    for token in (
        "user", "assistant", "image", "video",
        "begin_of_image", "end_of_image", "begin_of_video", "end_of_video",
    )
]  # fmt: skip
TEMPLATE = """\
[gMASK]<sop>{% for message in messages %}<|user|>{{ '\n' }}\
{% for part in message['content'] %}{% if part['type'] == 'video' %}\
<|begin_of_video|><|video|><|end_of_video|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}\
{% if add_generation_prompt %}<|assistant|>{{ '\n' }}{% endif %}"""


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    ids = tokenizer.convert_tokens_to_ids
    rope = {
        "rope_type": "default",
        "rope_theta": 1e4,
        "mrope_section": [2, 1, 1],
        "partial_rotary_factor": 0.5,
    }
    return transformers.Glm4vConfig(
        architectures=["Glm4vForConditionalGeneration"],
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": HIDDEN,
            "image_size": SIDE,
            "patch_size": PATCH,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        text_config={**text, "rope_parameters": rope},
        image_token_id=ids("<|image|>"),
        video_token_id=ids("<|video|>"),
        image_start_token_id=ids("<|begin_of_image|>"),
        image_end_token_id=ids("<|end_of_image|>"),
        video_start_token_id=ids("<|begin_of_video|>"),
        video_end_token_id=ids("<|end_of_video|>"),
    )


def written(processor: Any, inputs: Mapping[str, Any]) -> str:
    """As the processor writes the tiny clip, a frame every half second from 0.25 s on."""
    units = int(inputs["video_grid_thw"][0, 0])
    settings = SimpleNamespace(video_processor=SimpleNamespace(merge_size=2), image_token="<|image|>")
    settings.replace_frame_token_id = lambda second, num_image_tokens: processor.replace_frame_token_id(
        settings, second, num_image_tokens
    )
    clip = {
        "video_grid_thw": inputs["video_grid_thw"].numpy(),
        "video_metadata": [SimpleNamespace(fps=2.0, timestamps=[0.25 + t / 2 for t in range(2 * units)])],
    }
    return processor.replace_video_token(settings, clip, 0)


def expanded(inputs: Mapping[str, Any]) -> str:
    return written(Glm4vProcessor, inputs)


TINY = replace(
    QWEN25,
    tokenizer=lambda: chatml(SPECIAL, TEMPLATE),
    config=config,
    pixels={**QWEN25.pixels, "size": {"shortest_edge": 4 * SIDE**2, "longest_edge": 4 * SIDE * 42}},
    expanded=expanded,
    patches=16,
    cells=4,
    wide=False,
    outer_norms=True,
)
