"""Models to try hook points on: the tiny ones, each beside the same Hugging Face model left untouched."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import nnsight
import torch
from torch import Tensor

from tests.tiny import (
    DECODER_NAMES,
    FAMILY_NAMES,
    HEADS,
    HIDDEN,
    FamilyName,
    _spread,
    tiny_clip,
    tiny_family,
    tiny_folder,
    tiny_model,
    tiny_sample,
)
from workbench.models import FAMILIES, Prompt
from workbench.models.attention import AttentionKind, install

KINDS: tuple[AttentionKind, ...] = ("sdpa", "eager")
LAYERS = 3
VISION_BLOCKS = 2
HEAD_DIM = HIDDEN // HEADS

__all__ = [
    "DECODER_NAMES",
    "FAMILY_NAMES",
    "HEADS",
    "HEAD_DIM",
    "HIDDEN",
    "KINDS",
    "LAYERS",
    "VISION_BLOCKS",
    "Case",
    "FamilyName",
    "case",
    "plain_logits",
]


class Case(NamedTuple):
    """A model with our attention, the same model untouched, and a prompt. Free to be changed."""

    model: Any
    """A VideoLLM; not said to the type checker, to which Hugging Face modules are opaque."""
    plain: Any
    prompt: Prompt
    kv_heads: int


def case(family: FamilyName, kind: AttentionKind, *, kv_heads: int = 2, **text: Any) -> Case:
    """The model of a family with this attention. `text` changes the decoder's config, or its class
    (decoder=)."""
    plain = copy.deepcopy(_plain(family, kv_heads)) if not text else _other(family, kv_heads, text)
    # The vision tower keeps its own attention, so the plain model's is changed in the decoder only.
    plain.get_decoder().set_attn_implementation(kind)
    hf = copy.deepcopy(plain)
    install(hf, kind)
    tiny = tiny_model(family, n_kv_heads=kv_heads, n_layers=LAYERS)
    model = replace(tiny, hf=hf, nn=nnsight.NNsight(hf), attention=kind)
    prompt = _prompt(family)
    return Case(model, plain, replace(prompt, inputs=dict(prompt.inputs)), kv_heads)


def plain_logits(of: Case) -> Tensor:
    """Logits (s, vocab) of the untouched Hugging Face model."""
    with torch.no_grad():
        return of.plain(**of.prompt.inputs, use_cache=False).logits[0]


@cache
def _plain(family: FamilyName, kv_heads: int) -> Any:
    """As transformers loads it."""
    folder = tiny_folder(family, n_kv_heads=kv_heads, n_layers=LAYERS)
    return FAMILIES[family].load_class().from_pretrained(folder)


def _other(family: FamilyName, kv_heads: int, text: dict[str, Any]) -> Any:
    """The same with another decoder, and new weights."""
    plain = _plain(family, kv_heads)
    config = copy.deepcopy(plain.config)
    decoder = text.pop("decoder", type(config.text_config))
    kept = {name: value for name, value in config.text_config.to_dict().items() if name != "model_type"}
    if decoder is not type(config.text_config):
        kept.pop("layer_types", None)
    config.text_config = decoder(**{**kept, **text})
    torch.manual_seed(0)
    model = type(plain)(config)
    _spread(model)
    return model.eval()


@cache
def _prompt(family: FamilyName) -> Prompt:
    """A question about 4 frames: 2 x 2 cells each; 2 units of 2 x 6 cells where a tower takes wide frames and
    shuffles what is larger than a window of 2 x 2."""
    model = tiny_model(family, n_layers=LAYERS)
    if not tiny_family(family).wide:
        return model.encode(tiny_sample(), clip=tiny_clip())
    pixels = replace(model.pixels, size={"shortest_edge": 28 * 28, "longest_edge": 28 * 84})
    return model.encode(tiny_sample(), clip=tiny_clip(height=24, width=84), pixels=pixels)
