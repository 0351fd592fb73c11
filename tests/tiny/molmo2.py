"""A tiny Molmo2."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import Molmo2Processor
from transformers.video_utils import VideoMetadata

from tests.tiny import HEADS, HIDDEN, PATCH, SIDE, TinyFamily
from tests.tiny.tokenizers import chatml

MARKS = ["<im_start>", "<im_end>", "<low_res_im_start>", "<frame_start>", "<frame_end>"]
TEMPLATE = """\
{% for message in messages %}{% for part in message['content'] %}\
{% if part['type'] == 'video' %}<|video|>{% endif %}{% endfor %}{% endfor %}\
{% for message in messages %}<|im_start|>{{ message['role'] }}{{ '\n' }}\
{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}\
<|im_end|>{{ '\n' }}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant{{ '\n' }}{% endif %}"""


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    ids = tokenizer.convert_tokens_to_ids
    tower = {"hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16}
    first = ids("<im_patch>")
    return transformers.Molmo2Config(
        architectures=["Molmo2ForConditionalGeneration"],
        vision_config={
            **tower,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "image_size": [SIDE, SIDE],
            "patch_size": PATCH,
        },
        adapter_config={
            **tower,
            "vision_feature_layer": [1, 0],
            "intermediate_size": 48,
            "text_hidden_size": HIDDEN,
        },
        text_config={
            **text,
            "head_dim": HIDDEN // HEADS,
            # Marks are embedded and never said: the head has fewer words.
            "vocab_size": first,
            "additional_vocab_size": text["vocab_size"] - first,
        },
        image_patch_id=first,
        image_start_token_id=ids("<im_start>"),
        image_end_token_id=ids("<im_end>"),
        low_res_image_start_token_id=ids("<low_res_im_start>"),
        frame_start_token_id=ids("<frame_start>"),
        frame_end_token_id=ids("<frame_end>"),
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    """As the processor writes the tiny clip, a frame every half second from 0.25 s on."""
    frames = int(inputs["video_grids"][0, 0])
    settings = SimpleNamespace(use_frame_special_tokens=True, video_use_col_tokens=False)
    settings.get_video_string = lambda grid, times: Molmo2Processor.get_video_string(settings, grid, times)  # type: ignore[arg-type]
    times = VideoMetadata(total_num_frames=2 * frames, fps=4.0, frames_indices=list(range(1, 2 * frames, 2)))
    clip = {"video_grids": inputs["video_grids"], "video_metadata": [times]}
    return Molmo2Processor.replace_video_token(settings, clip, 0)  # type: ignore[arg-type]


TINY = TinyFamily(
    tokenizer=lambda: chatml(["<im_patch>", *MARKS, "<|video|>"], TEMPLATE),
    config=config,
    pixels={
        "size": {"height": SIDE, "width": SIDE},
        "patch_size": PATCH,
        "pooling_size": [2, 2],
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 2,
    },
    expanded=expanded,
    patches=16,
    cells=4,
    in_front="<|im_end|>",
    reused=False,
)
