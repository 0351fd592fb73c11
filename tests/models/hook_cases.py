"""Tiny random models of the three families to try hook points on, with weights large enough to matter."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaNextVideoConfig,
    LlavaNextVideoForConditionalGeneration,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Config,
    SiglipVisionConfig,
)

from workbench.models.attention import AttentionKind, install
from workbench.models.families import FAMILIES
from workbench.models.layout import TokenLayout

FAMILY_NAMES = ("llava_next_video", "llava_onevision", "qwen2_5_vl")
KINDS: tuple[AttentionKind, ...] = ("sdpa", "eager")
LAYERS, HEADS, WIDTH, HEAD_DIM, HIDDEN, VOCAB = 3, 4, 64, 16, 96, 200
VIDEO, IMAGE = 198, 199


class Case(NamedTuple):
    """A model with our attention, the same model untouched, and a prompt."""

    model: Any
    plain: Any
    prompt: Any
    kv_heads: int


def case(family: str, kind: AttentionKind, *, kv_heads: int = 2, **text: Any) -> Case:
    """The model of a family with this attention. `text` changes the decoder's config, or its class
    (decoder=)."""
    torch.manual_seed(0)
    plain, inputs, video = _BUILDERS[family](kv_heads, text)
    _spread(plain)
    plain.eval()
    # The vision tower keeps its own attention, so the plain model's is changed in the decoder only.
    plain.get_decoder().set_attn_implementation(kind)
    hf = copy.deepcopy(plain)
    install(hf, kind)
    rows = inputs["input_ids"].shape[1]
    layout = TokenLayout(length=rows, spans={"video": video, "question": range(rows - 6, rows - 2)})
    model = SimpleNamespace(hf=hf, family=FAMILIES[family])
    return Case(model, plain, SimpleNamespace(inputs=inputs, layout=layout), kv_heads)


def plain_logits(of: Case) -> Tensor:
    """Logits (s, vocab) of the untouched Hugging Face model."""
    with torch.no_grad():
        return of.plain(**of.prompt.inputs, use_cache=False).logits[0]


def _spread(model: nn.Module) -> None:
    """Weights of order 1 / sqrt(width) and norms away from 1: every step then shows in the logits."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.normal_(0, weight[0].numel() ** -0.5)
            else:
                weight.add_(0.3 * torch.randn_like(weight))


def _ids(length: int, video: range) -> Tensor:
    ids = torch.randint(5, 190, (1, length))
    ids[0, list(video)] = VIDEO
    return ids


def _text(kv_heads: int, text: dict[str, Any]) -> dict[str, Any]:
    return {
        "vocab_size": VOCAB,
        "hidden_size": WIDTH,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": kv_heads,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        **text,
    }


_TOWER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 56,
    "patch_size": 14,
}


def _llava_next_video(kv_heads: int, text: dict[str, Any]) -> tuple[Any, dict[str, Tensor], range]:
    config = LlavaNextVideoConfig(
        vision_config=CLIPVisionConfig(**_TOWER, projection_dim=32),
        text_config=LlamaConfig(**_text(kv_heads, text)),
        image_token_index=IMAGE,
        video_token_index=VIDEO,
    )
    video = range(6, 22)  # 4 frames of 2 x 2
    inputs = {"input_ids": _ids(31, video), "pixel_values_videos": torch.randn(1, 4, 3, 56, 56)}
    return LlavaNextVideoForConditionalGeneration(config), inputs, video


def _llava_onevision(kv_heads: int, text: dict[str, Any]) -> tuple[Any, dict[str, Tensor], range]:
    decoder = text.pop("decoder", Qwen2Config)
    config = LlavaOnevisionConfig(
        vision_config=SiglipVisionConfig(**_TOWER, vision_use_head=False),
        text_config=decoder(**_text(kv_heads, text)),
        image_token_index=IMAGE,
        video_token_index=VIDEO,
    )
    video = range(6, 23)  # 4 frames of 2 x 2, and the newline
    inputs = {"input_ids": _ids(32, video), "pixel_values_videos": torch.randn(1, 4, 3, 56, 56)}
    return LlavaOnevisionForConditionalGeneration(config), inputs, video


def _qwen2_5_vl(kv_heads: int, text: dict[str, Any]) -> tuple[Any, dict[str, Tensor], range]:
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6}
    config = Qwen2_5_VLConfig(
        vision_config={
            "depth": 3,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": WIDTH,
            "window_size": 56,
            "fullatt_block_indexes": [1],
        },
        text_config={**_text(kv_heads, text), "rope_parameters": rope},
        video_token_id=VIDEO,
        image_token_id=IMAGE,
        vision_start_token_id=197,
        vision_end_token_id=196,
    )
    units, height, width = 2, 4, 12  # 2 x 6 cells a unit, in windows of 2 x 2: the tower shuffles them
    video = range(5, 5 + units * height * width // 4)
    ids = _ids(video.stop + 9, video)
    ids[0, video.start - 1], ids[0, video.stop] = 197, 196
    types = torch.zeros_like(ids)
    types[0, list(video)] = 2
    inputs = {
        "input_ids": ids,
        "pixel_values_videos": torch.randn(units * height * width, 3 * 2 * 14 * 14),
        "video_grid_thw": torch.tensor([[units, height, width]]),
        "mm_token_type_ids": types,
    }
    return Qwen2_5_VLForConditionalGeneration(config), inputs, video


_BUILDERS = {
    "llava_next_video": _llava_next_video,
    "llava_onevision": _llava_onevision,
    "qwen2_5_vl": _qwen2_5_vl,
}
