"""A tiny PerceptionLM: its tower is the smallest that timm can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import transformers
from transformers import PerceptionLMProcessor

from tests.tiny import PATCH, SIDE, TinyFamily
from tests.tiny.tokenizers import chatml

SPECIAL = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|image|>", "<|video|>"]
TEMPLATE = """\
{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>{{ '\n\n' }}\
{% for part in message['content'] %}{% if part['type'] == 'video' %}<|video|>{% endif %}{% endfor %}\
{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] | trim }}{% endif %}\
{% endfor %}<|eot_id|>{% endfor %}\
{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>{{ '\n\n' }}{% endif %}"""


def config(tokenizer: Any, text: dict[str, Any]) -> Any:
    ids = tokenizer.convert_tokens_to_ids
    vision = transformers.TimmWrapperConfig(
        architecture="vit_pe_lang_large_patch14_448",
        do_pooling=False,
        model_args={
            "embed_dim": 32,
            "depth": 2,
            "num_heads": 2,
            "mlp_ratio": 2.0,
            "img_size": [SIDE, SIDE],
            "patch_size": PATCH,
            "ref_feat_shape": [SIDE // PATCH, SIDE // PATCH],
            "global_pool": "",
            "use_post_transformer_norm": False,
        },
    )
    return transformers.PerceptionLMConfig(
        architectures=["PerceptionLMForConditionalGeneration"],
        vision_config=vision,
        text_config=transformers.LlamaConfig(**text).to_dict(),
        projector_pooling_ratio=2,
        image_token_id=ids("<|image|>"),
        video_token_id=ids("<|video|>"),
    )


def expanded(inputs: Mapping[str, Any]) -> str:
    settings = SimpleNamespace(patch_size=PATCH, pooling_ratio=2, video_token="<|video|>")
    return PerceptionLMProcessor.replace_video_token(settings, inputs, 0)  # type: ignore[arg-type]


TINY = TinyFamily(
    tokenizer=lambda: chatml(SPECIAL, TEMPLATE),
    config=config,
    pixels={
        "size": {"height": SIDE, "width": SIDE},
        "patch_size": PATCH,
        "pooling_ratio": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 3,
    },
    expanded=expanded,
    patches=17,
    cells=4,
    needs="timm",
)
