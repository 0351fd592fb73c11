"""A tiny Gemma 4: a window in every other layer, and the last two layers without keys and values of their
own."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import Gemma4Processor
from transformers.video_utils import VideoMetadata

from tests.tiny import HEADS, HIDDEN, PATCH, TinyFamily
from tests.tiny.tokenizers import chatml

SPECIAL = ["<pad>", "<bos>", "<|turn>", "<turn|>", "<|image>", "<|image|>", "<image|>", "<|video|>"]
TEMPLATE = """\
<bos>{% for message in messages %}<|turn>{{ message['role'] }}{{ '\n' }}\
{% for part in message['content'] %}{% if part['type'] == 'video' %}<|video|>\
{% else %}{{ part['text'] | trim }}{% endif %}{% endfor %}<turn|>{{ '\n' }}{% endfor %}\
{% if add_generation_prompt %}<|turn>model{{ '\n' }}{% endif %}"""


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    ids = tokenizer.convert_tokens_to_ids
    layers = text["num_hidden_layers"]
    return transformers.Gemma4Config(
        architectures=["Gemma4ForConditionalGeneration"],
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "head_dim": 16,
            "patch_size": PATCH,
            "pooling_kernel_size": 2,
            "position_embedding_size": 64,
        },
        text_config={
            **text,
            "pad_token_id": ids("<pad>"),
            "bos_token_id": ids("<bos>"),
            "head_dim": HIDDEN // HEADS,
            "global_head_dim": 2 * HIDDEN // HEADS,
            "layer_types": [
                "full_attention" if (layers - layer) % 2 else "sliding_attention" for layer in range(layers)
            ],
            "sliding_window": 24,
            "num_kv_shared_layers": max(0, layers - 2),
            "hidden_size_per_layer_input": 8,
            "vocab_size_per_layer_input": text["vocab_size"],
            "use_bidirectional_attention": "vision",
            "final_logit_softcapping": 30.0,
        },
        audio_config=None,
        image_token_id=ids("<|image|>"),
        video_token_id=ids("<|video|>"),
        boi_token_id=ids("<|image>"),
        eoi_token_id=ids("<image|>"),
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    """As the processor writes the tiny clip, a frame every half second from 0.25 s on."""
    frames, patches = inputs["video_position_ids"].shape[:2]
    settings = SimpleNamespace(boi_token="<|image>", eoi_token="<image|>", video_token="<|video|>")
    times = VideoMetadata(total_num_frames=2 * frames, fps=4.0, frames_indices=list(range(1, 2 * frames, 2)))
    clip = {"num_soft_tokens_per_video": [patches // 4], "video_metadata": [times]}
    return Gemma4Processor.replace_video_token(settings, clip, 0)  # type: ignore[arg-type]


TINY = TinyFamily(
    tokenizer=lambda: chatml(SPECIAL, TEMPLATE),
    config=config,
    pixels={
        "patch_size": PATCH,
        "pooling_kernel_size": 2,
        "max_soft_tokens": 6,
        "image_mean": [0.0, 0.0, 0.0],
        "image_std": [1.0, 1.0, 1.0],
        "resample": 3,
    },
    expanded=expanded,
    patches=16,
    cells=4,
    outer_norms=True,
    reused=False,
)
