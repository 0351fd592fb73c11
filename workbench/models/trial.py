"""One frame through a model that was just loaded, so that what does not fit is told then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from workbench.errors import ModelError, WorkbenchError
from workbench.models.attention import stand_in
from workbench.models.checkpoints.folder import in_short
from workbench.prompts.layout import TokenLayout
from workbench.prompts.prompt import Prompt

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

_SIDE = 64  # pixels of the frame, which the model's settings resize


class Undescribed(UserWarning):
    """A model that no family module describes."""


class _Enough(Exception):
    """Every kind of layer has been run."""


def try_out(model: VideoLLM) -> None:
    """Runs the first block of the vision tower, the projector, the decoder until every kind of its layers has
    been run once, the last norm and the head.

    Raises ModelError where they cannot be run: settings that transformers accepts, and that do not fit each
    other. What `encode` refuses by itself is left for it to say, with its remedy.
    """
    try:
        prompt = _prompt(model)
        if prompt is not None:
            _run(model, prompt)
    except WorkbenchError:
        raise
    except torch.OutOfMemoryError:
        return  # a prompt will say so, or be smaller
    except Exception as error:  # settings can be wrong in every way
        raise ModelError(
            f"{model.folder} was loaded, and cannot be run ({in_short(error)}). The settings in config.json "
            "do not fit each other or the tokenizer: copy it again from the original checkpoint."
        ) from error


def try_frames(model: VideoLLM) -> None:
    """Shows the model two clips that differ in one frame, for the first and the last frame, and looks which
    rows that enter the decoder differ: those that the layout gives to that frame, and no others.

    For families of which nobody said it. Raises ModelError where it is otherwise.
    """
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, _SIDE, _SIDE, 3), dtype=np.uint8)
    plain, layout = _entering(model, frames)
    for frame, unit in ((0, 0), (3, layout.n_frames - 1)):
        other = frames.copy()
        other[frame] = 255 - other[frame]
        moved = np.flatnonzero((_entering(model, other)[0] != plain).any(-1).cpu().numpy())
        if not moved.size or not np.isin(moved, layout.frames[unit]).all():
            others = np.setdiff1d(moved, layout.frames[unit]).size
            raise ModelError(
                f"{model.name} ({model.family.model_type}): a change of frame {frame} reaches {moved.size} "
                f"rows, {others} of them not its own, so that its frames are not where its processor's text "
                "lets one look for them, or are mixed before the decoder. Write a family that says where "
                "they are (docs/add_a_family.md)."
            )


def _entering(model: VideoLLM, frames: np.ndarray) -> tuple[torch.Tensor, TokenLayout]:
    """What enters the first layer (s, d) for these frames, and where they are."""
    from workbench.video import Clip

    clip = Clip(frames=frames, timestamps=0.25 + 0.5 * np.arange(len(frames)), path=None, duration=2.0)
    prompt = model.encode(clip, "What is shown?")
    kept: list[torch.Tensor] = []

    def keep(module: nn.Module, args: Any, kwargs: Any) -> None:
        kept.append((args[0] if args else kwargs["hidden_states"])[0])
        raise _Enough

    handle = next(iter(model.family.decoder_layers(model.hf))).register_forward_pre_hook(
        keep, with_kwargs=True
    )
    try:
        with torch.no_grad():
            model.hf(**prompt.inputs, use_cache=False)
    except _Enough:
        pass
    finally:
        handle.remove()
    return kept[0], prompt.layout


def _prompt(model: VideoLLM) -> Prompt | None:
    count = model.family.frames_a_unit(model.config)
    frames = np.full((count, _SIDE, _SIDE, 3), 127, dtype=np.uint8)
    from workbench.video import Clip  # brings PyAV, which models that are only built do not need

    clip = Clip(frames=frames, timestamps=np.arange(count) + 0.5, path=None, duration=float(count))
    try:
        return model.encode(clip, "What is shown?", turn=model.family.default_turn)
    except WorkbenchError:
        return None


def _run(model: VideoLLM, prompt: Prompt) -> None:
    layers: list[Any] = list(model.family.decoder_layers(model.hf))
    kinds = [
        (type(attention), getattr(layer, "attention_type", getattr(attention, "is_sliding", None)))
        for layer in layers
        for attention in [getattr(layer, "self_attn", None)]
    ]
    enough = max(kinds.index(kind) for kind in kinds)
    attentions = {
        one: number for number, one in model.family.attentions(model.hf).items() if number <= enough
    }
    calls: dict[nn.Module, int] = {}

    def stop(module: nn.Module, args: Any, output: Any) -> None:
        hidden = output[0] if isinstance(output, tuple) else output
        row = model.family.final_norm(model.hf)(hidden[:, -1:])
        model.family.lm_head(model.hf)(row)
        raise _Enough

    handle = layers[enough].register_forward_hook(stop)
    try:
        with (
            torch.no_grad(),
            counting(attentions) as calls,
            _passed_through(list(model.family.vision_blocks(model.hf))),
        ):
            model.hf(**prompt.inputs, use_cache=False)
    except _Enough:
        pass
    finally:
        handle.remove()
    for attention, times in calls.items():
        if times != 1:
            raise ModelError(
                f"Layer {attentions[attention] + 1} of {model.name} ({type(attention).__name__}) calls "
                f"attention {times} times in a pass, and edges can be cut only where it does once. Use a "
                "model with another decoder."
            )


@contextmanager
def counting(attentions: Iterable[nn.Module]) -> Iterator[dict[nn.Module, int]]:
    """How often each of these modules computes attention while the context is open."""
    calls = dict.fromkeys(attentions, 0)

    def count(module: nn.Module, *given: Any, **options: Any) -> Any:
        *parts, default = given
        calls[module] += 1
        return default(module, *parts, **options)

    with stand_in(calls, count):
        yield calls


@contextmanager
def _passed_through(blocks: list[Any]) -> Iterator[None]:
    """All blocks but the first give back what they are given, in the form in which the first one gives its
    output: they are alike, and a whole vision tower takes seconds on a CPU."""
    if not blocks:
        yield
        return
    form: list[bool] = []

    def see(module: nn.Module, args: Any, output: Any) -> None:
        form.append(isinstance(output, tuple))

    def give_back(*args: Any, **kwargs: Any) -> Any:
        given = args[0] if args else kwargs["hidden_states"]
        return (given,) if form[-1] else given

    handle = blocks[0].register_forward_hook(see)
    before = [vars(block).get("forward") for block in blocks]
    for block in blocks[1:]:
        block.forward = give_back
    try:
        yield
    finally:
        handle.remove()
        for block, forward in zip(blocks[1:], before[1:], strict=True):
            if forward is None:
                del block.forward
            else:
                block.forward = forward
