"""A tiny SmolVLM2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import transformers

from tests.tiny import SIDE, TOWER, TinyFamily
from tests.tiny.tokenizers import chatml

# The processor's own, DEFAULT_CHAT_TEMPLATE.
TEMPLATE = """\
<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}\
{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}\
{% for line in message['content'] %}{% if line['type'] == 'text' %}{{line['text']}}\
{% elif line['type'] == 'image' %}{{ '<image>' }}{% elif line['type'] == 'video' %}{{ '<video>' }}{% endif %}\
{% endfor %}<end_of_utterance>{{ '\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"""


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    return transformers.SmolVLMConfig(
        architectures=["SmolVLMForConditionalGeneration"],
        vision_config=TOWER,
        text_config=transformers.LlamaConfig(**text).to_dict(),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    """As the processor's text functions write it (its class needs num2words), from the tiny clip."""
    from transformers.models.smolvlm import processing_smolvlm as theirs

    image = theirs._prompt_single_image(4, "<fake_token_around_image>", "<image>", "<global-img>")
    count = inputs["pixel_values"].shape[1]
    words = {1: "one", 3: "three", 4: "four", 5: "five"}[count]
    text = theirs.DEFAULT_VIDEO_INTRO.format(frame_count=words, video_duration=f"0:00:0{count // 2}")
    for t in range(count):
        text += theirs.FRAME_TIMESTAMP_MESSAGE.format(timestamp=f"00:0{t // 2}") + image
    return text + theirs.DEFAULT_MEDIA_OUTTRO


TINY = TinyFamily(
    tokenizer=lambda: chatml(
        ["<fake_token_around_image>", "<global-img>", "<image>", "<video>", "<end_of_utterance>"], TEMPLATE
    ),
    config=config,
    pixels={
        "size": {"longest_edge": SIDE},
        "max_image_size": {"longest_edge": SIDE},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 1,
    },
    expanded=expanded,
    patches=16,
    cells=4,
    seed=43,
)
