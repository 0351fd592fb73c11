"""How each kind of intervention acts in the reference engine: a new kind registers its own way here.

`acting` opens a context in which the intervention acts, and gives what attention keeps in each layer that it
cuts. A kind that changes activations hooks their places meanwhile (`models.hooks`) and cuts nothing.

Axes: b batch (1), h query head (1 where all heads share the mask), q query row, k key column.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from workbench.engine.leaving import exit_masks
from workbench.errors import InterventionError
from workbench.interventions import Intervention, Knockout, Patch, keep_mask
from workbench.interventions.exits import Acceleration, Exit
from workbench.interventions.patches import OF_FRAMES
from workbench.models.hooks import ActivationCache, HookPoint, edited, run_with_cache
from workbench.shapes import Bool, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt

Kept = dict[Any, Any]
"""What is kept between interventions on one prompt, by whatever a kind likes to call it."""


@singledispatch
def acting(
    intervention: Intervention | None, model: VideoLLM, prompt: Prompt, kept: Kept
) -> AbstractContextManager[dict[int, Tensor]]:
    """What each layer (from 0) that is cut keeps, bool (b h q k), while the intervention acts on the model.

    Raises InterventionError for a kind that has no way to act.
    """
    raise InterventionError(
        f"'{intervention}': no engine knows how a {type(intervention).__name__} acts. Register its way in "
        "workbench/engine/acting.py."
    )


@acting.register(type(None))
def _untouched(
    intervention: None, model: VideoLLM, prompt: Prompt, kept: Kept
) -> AbstractContextManager[dict[int, Tensor]]:
    return nullcontext({})


@acting.register(Knockout)
def _cut(
    intervention: Knockout, model: VideoLLM, prompt: Prompt, kept: Kept
) -> AbstractContextManager[dict[int, Tensor]]:
    return nullcontext(layer_masks(model, prompt, intervention, kept))


@acting.register(Acceleration)
def _accelerated(
    intervention: Acceleration, model: VideoLLM, prompt: Prompt, kept: Kept
) -> AbstractContextManager[dict[int, Tensor]]:
    cut = layer_masks(model, prompt, intervention.cut(prompt.layout))
    return nullcontext(exit_masks(model, prompt, intervention, cut))


@acting.register(Exit)
def _leaves(
    intervention: Exit, model: VideoLLM, prompt: Prompt, kept: Kept
) -> AbstractContextManager[dict[int, Tensor]]:
    return nullcontext(exit_masks(model, prompt, Acceleration(exits=(intervention,)), {}))


@acting.register(Patch)
@contextmanager
def _patched(intervention: Patch, model: VideoLLM, prompt: Prompt, kept: Kept) -> Iterator[dict[int, Tensor]]:
    patch, key = intervention, (intervention.source, intervention.points)
    if key not in kept:  # of all layers at once, so that the twin is run once a site
        kept[key] = run_with_cache(model, patch.source, patch.points, return_logits="last").cache

    def put(activation: Tensor, point: HookPoint) -> Tensor:
        return put_in(patch, activation, taken_at(patch, kept[key]), prompt)

    with edited(model, prompt, [(patch.point, put)]):
        yield {}


def taken_at(patch: Patch, cache: ActivationCache) -> Tensor:
    """What the source holds at the site. Raises InterventionError for a layer that lacks it."""
    if patch.point not in cache:
        raise InterventionError(
            f"'{patch}': this layer has no {patch.site!r} (hook point {patch.point}). "
            "model.hook_names() lists what it has."
        )
    return cache[patch.point]


def put_in(patch: Patch, activation: Tensor, taken: Tensor, prompt: Prompt) -> Tensor:
    """The activation (b s .. or t p d) with the source's in the places of the patch."""
    new = activation.clone()
    if patch.site in OF_FRAMES:
        if activation.shape != taken.shape or len(activation) != prompt.layout.n_frames:
            raise InterventionError(
                f"'{patch}': {patch.point} is {tuple(activation.shape)} here and {tuple(taken.shape)} in the "
                f"source, for {prompt.layout.n_frames} frames, so no frame has a counterpart. Put frames in "
                "at 'embed'."
            )
        frames = torch.as_tensor(patch.frames(prompt.layout), device=new.device)
        new[frames] = taken[frames].to(new)
        return new
    rows = torch.as_tensor(patch.rows(prompt.layout), device=new.device)
    if patch.heads is None:
        new[:, rows] = taken[:, rows].to(new)
    else:
        heads = torch.tensor(patch.heads, device=new.device)
        new[:, rows[:, None], heads] = taken[:, rows[:, None], heads].to(new)
    return new


@shaped
def layer_masks(
    model: VideoLLM, prompt: Prompt, knockout: Knockout | None, kept: Kept | None = None
) -> dict[int, Bool[Tensor, "1 h q k"]]:
    """What each touched layer (from 0) keeps, on the model's device."""
    masks = {} if kept is None else kept
    cut = knockout.layers(model.n_layers) if knockout is not None else {}
    if not masks.keys() <= set(cut.values()):
        masks.clear()  # a dense mask is large: keep only those that this knockout shares
    for flows in cut.values():
        if flows not in masks:
            keep = keep_mask(flows, prompt.layout, model.n_heads)
            masks[flows] = torch.from_numpy(keep)[None].to(model.device)
    return {layer: masks[flows] for layer, flows in cut.items()}
