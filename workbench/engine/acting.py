"""How each kind of intervention acts in the reference engine: a new kind registers its own way here.

`acting` opens a context in which the intervention acts, and gives what attention keeps in each layer that it
cuts. A kind that changes activations hooks their places meanwhile (`models.hooks`) and cuts nothing.

Axes: b batch (1), h query head (1 where all heads share the mask), q query row, k key column.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from workbench.engine.leaving import exit_masks
from workbench.errors import InterventionError
from workbench.interventions import Intervention, Knockout, keep_mask
from workbench.interventions.exits import Acceleration, Exit
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
