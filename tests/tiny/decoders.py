"""Tiny random decoders of any class of transformers, asked with token ids alone: no tower, no tokenizer.

What a decoder does inside its layers needs no real video: some rows are called frames.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

import nnsight
import torch
import transformers
from torch import Tensor

from tests.tiny import _spread
from workbench.models import Prompt, Turn, VideoLLM
from workbench.models.attention import AttentionKind, install
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.families.base import Family
from workbench.prompts.layout import TokenLayout
from workbench.prompts.pixels import PixelSettings

LENGTH, FRAMES, FRAME = 24, 3, 4
VIDEO = slice(3, 3 + FRAMES * FRAME)
TEXT: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
"""Settings that most decoders take."""


class Bare(Family):
    """A decoder at a place of its own, and nothing in front of it."""

    model_type = "bare"
    default_turn = Turn(opening="", bridge="", closing="", answer_gap="")

    def __init__(self, place: str) -> None:
        self._place = place

    def decoder(self, root: Any) -> Any:
        for name in self._place.split("."):
            root = getattr(root, name)
        return root

    def vision_blocks(self, root: Any) -> Any:
        return ()

    def projector(self, root: Any) -> Any:
        return root.lm_head

    def video_inputs(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


class Case(NamedTuple):
    model: VideoLLM
    plain: Any
    """The same Hugging Face model, left as transformers made it."""
    prompt: Prompt


def built(model_class: str, config: Any) -> Any:
    """The Hugging Face model with spread weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hf = getattr(transformers, model_class)(config)
        _spread(hf)
    return hf.eval().requires_grad_(False)


def bare_case(
    model_class: str,
    config: Any,
    *,
    place: str = "model",
    attention: AttentionKind = "sdpa",
    **inputs: Tensor,
) -> Case:
    """A decoder as a VideoLLM: 24 rows, of which 3 .. 14 are 3 frames, 16 .. 20 the question."""
    hf = built(model_class, config)
    plain = copy.deepcopy(hf)
    install(hf, attention)
    model = VideoLLM(
        hf=hf,
        nn=nnsight.NNsight(hf),
        family=Bare(place),
        tokenizer=None,  # type: ignore[arg-type]
        checkpoint=CheckpointFolder("bare", Path("bare")),
        attention=attention,
        pixels=PixelSettings(size={"height": 2, "width": 2}),
        template=None,
    )
    return Case(model, plain, bare_prompt(**inputs))


def bare_prompt(**inputs: Tensor) -> Prompt:
    """24 random token ids, with further arguments of the forward."""
    ids = torch.randint(3, 90, (1, LENGTH), generator=torch.Generator().manual_seed(0))
    layout = TokenLayout(
        length=LENGTH,
        spans={"question": range(16, 21)},
        frames=[range(3 + FRAME * t, 3 + FRAME * (t + 1)) for t in range(FRAMES)],
    )
    none: Any = None
    return Prompt(
        inputs={"input_ids": ids, **inputs},
        layout=layout,
        sample=None,
        clip=none,
        pixels=none,
        text="",
        answer_ids={},
    )
