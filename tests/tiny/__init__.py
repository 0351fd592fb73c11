"""Tiny random Video-LLMs of every family: ordinary checkpoint folders, loaded as a user loads his own.

Each family has a module here, with its model_type as its name. Weights are large enough for every step to
show in the logits. Everything is seeded, and cached.
"""

from __future__ import annotations

import atexit
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
import transformers
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

from workbench.data import Sample
from workbench.models import FAMILIES, Prompt, VideoLLM, load
from workbench.prompts.pixels import PixelSettings
from workbench.video import Clip

FamilyName = str
N_FRAMES, SIDE, PATCH = 4, 28, 7  # frames of 28 x 28 pixels, 4 x 4 patches, pooled or merged to 2 x 2 cells
HIDDEN, HEADS = 64, 4
TOWER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": SIDE,
    "patch_size": PATCH,
}
"""A vision tower."""


@dataclass(frozen=True, kw_only=True)
class TinyFamily:
    """What a family's tiny checkpoint is made of."""

    tokenizer: Callable[[], PreTrainedTokenizerFast]
    config: Callable[[Any, dict[str, Any]], Any]
    """From the tokenizer and the settings of the text decoder."""
    pixels: dict[str, Any]
    """video_preprocessor_config.json."""
    expanded: Callable[[Mapping[str, Any]], str]
    """From the forward's arguments: the video's part of the prompt as transformers' processor writes it."""
    patches: int
    """Rows of a unit in the vision tower, a class token among them."""
    cells: int
    """Rows of a unit that the projector gives."""
    group: int = 1
    """Frames a temporal unit."""
    blocks_used: int = 2
    """Blocks of the vision tower that come before what the projector takes."""
    seed: int = 0
    """Of the random weights: they should show most cuts in the logits."""
    pooled: Callable[[Any, torch.Tensor], torch.Tensor] | None = None
    """From the model and the projector's output: what becomes of it before it is shown to the decoder."""
    needs: str = ""
    """A package without which it cannot be built: its tests are skipped then."""
    in_front: str = ""
    """What the processor puts in front of the chat template."""
    wide: bool = False
    """Whether its tower takes frames of other shapes than the square one, and moves their rows about."""
    experts: bool = False
    """A mixture of experts for an MLP, which hides the MLP's inside."""
    outer_norms: bool = False
    """Norms behind attention and MLP, which hide what these add to the residual stream."""
    reused: bool = True
    """Whether the fast engine runs it."""


def tiny_family(family: FamilyName) -> TinyFamily:
    return import_module(f"tests.tiny.{family}").TINY


def _is_there(family: FamilyName) -> bool:
    """Whether this transformers has it: the newest families are not in older versions."""
    try:
        tiny_family(family)
    except ImportError as error:
        if "transformers" in str(error):
            return False
        raise
    return True


def _plain(family: FamilyName) -> bool:
    said = tiny_family(family)
    other = said.needs or FAMILIES[family].recurrent or said.experts or said.outer_norms
    return said.reused and not other


@cache
def tiny_model(
    family: FamilyName = "llava_next_video",
    *,
    attention: Literal["sdpa", "eager"] = "sdpa",
    n_kv_heads: int = 2,
    n_layers: int = 4,
) -> VideoLLM:
    """A tiny random model: 4 query heads of width 16; `n_kv_heads=4` is attention without groups."""
    return load(
        tiny_folder(family, n_kv_heads=n_kv_heads, n_layers=n_layers), attention=attention, device="cpu"
    )


@cache
def tiny_folder(family: FamilyName = "llava_next_video", *, n_kv_heads: int = 2, n_layers: int = 4) -> Path:
    """The checkpoint folder of such a model. Shared: copy it before changing it."""
    folder = _root() / f"{family}-{n_kv_heads}-{n_layers}"
    said = tiny_family(family)
    if said.needs:
        pytest.importorskip(said.needs, reason=f"the tiny {family} is built by {said.needs}")
    said.tokenizer().save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    config = said.config(tokenizer, _text(tokenizer, n_kv_heads, n_layers))
    with torch.random.fork_rng():
        torch.manual_seed(said.seed)
        known = FAMILIES.get(family)
        kind = getattr(transformers, config.architectures[0]) if known is None else known.load_class()
        hf = kind(config)
        _spread(hf)
    logging.disable_progress_bar()
    hf.save_pretrained(folder)
    logging.enable_progress_bar()
    (folder / "video_preprocessor_config.json").write_text(json.dumps(said.pixels))
    return folder


@cache
def tiny_clip(n_frames: int = N_FRAMES, *, height: int = 36, width: int = 48, seed: int = 0) -> Clip:
    """Smooth coloured noise, one frame every half second."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n_frames, height // 6, width // 6, 3), dtype=np.uint8)
    frames = coarse.repeat(6, axis=1).repeat(6, axis=2)
    return Clip(frames=frames, timestamps=0.25 + 0.5 * np.arange(n_frames), path=None, duration=n_frames / 2)


def tiny_sample(*, n_options: int = 3, answer: int = 1) -> Sample:
    """A multiple-choice question. Its video does not exist: encode it with `clip=tiny_clip()`."""
    options = ("left", "right", "up", "down")[:n_options]
    return Sample(
        id=f"moving_direction/tiny_{n_options}_{answer}",
        task="moving_direction",
        video=Path("tiny.mp4"),
        question="Which direction does the red circle move?",
        options=options,
        answer=answer,
        stem="The red circle moves",
        open_answer=options[answer],
    )


def tiny_prompt(model: VideoLLM, *, n_frames: int = N_FRAMES, **options: Any) -> Prompt:
    """The tiny sample about the tiny clip; `options` go to `encode`."""
    return model.encode(tiny_sample(), clip=tiny_clip(n_frames), **options)


def pixel_input(prompt: Prompt) -> str:
    """The name of the forward's argument that holds the pixels."""
    (name,) = (name for name in prompt.inputs if name.startswith("pixel_values"))
    return name


def whole_frames(model: VideoLLM) -> PixelSettings:
    """Settings that squeeze the whole frame into the picture, where LLaVA-NeXT-Video's cut its sides off."""
    return replace(model.pixels, size={"height": SIDE, "width": SIDE}, do_center_crop=False, crop_size=None)


@cache
def _root() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="tiny-models-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def _text(tokenizer: PreTrainedTokenizerFast, n_kv_heads: int, n_layers: int) -> dict[str, Any]:
    """Settings of the text decoder."""
    return {
        "hidden_size": HIDDEN,
        "intermediate_size": 96,
        "num_hidden_layers": n_layers,
        "num_attention_heads": HEADS,
        "num_key_value_heads": n_kv_heads,
        "vocab_size": -(-len(tokenizer) // 8) * 8,  # padded, as real ones are
        "max_position_embeddings": 512,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _spread(hf: torch.nn.Module) -> None:
    """Weights of order 1 / sqrt(width), and norms and biases away from their defaults."""
    with torch.no_grad():
        for weight in hf.parameters():
            if weight.ndim > 1:
                weight.normal_(0, weight[0].numel() ** -0.5)
            else:
                weight.add_(0.2 * torch.randn_like(weight))


# Below what the families' modules need of this one.
_THERE: tuple[FamilyName, ...] = tuple(name for name in FAMILIES if _is_there(name))
FAMILY_NAMES: tuple[FamilyName, ...] = tuple(name for name in _THERE if _plain(name))
"""Families with softmax attention in every layer and all hook points, which the fast engine runs."""
HYBRID_NAMES: tuple[FamilyName, ...] = tuple(
    name for name in _THERE if FAMILIES[name].recurrent == ("linear_attn",)
)
FEWER_POINTS: tuple[FamilyName, ...] = tuple(
    name
    for name in _THERE
    if tiny_family(name).experts or tiny_family(name).outer_norms
    if name not in HYBRID_NAMES and tiny_family(name).reused
)
"""Not all hook points, and the fast engine. They have tests in test_glm4v.py."""
DECODER_NAMES: tuple[FamilyName, ...] = ("llava_next_video", "qwen2_5_vl", "qwen3_vl")
"""One for each kind of decoder: plain rotary positions, three axes, and what DeepStack adds."""
