"""Which rows leave a prompt, found by looking at the model with masks: the definition of what exits do.

Axes: b batch (1), h query head (1), q query row, k key row, s row still there, d width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from workbench.engine.recurrent import recurrent_cuts
from workbench.engine.restrict import restrict
from workbench.errors import InterventionError
from workbench.interventions.exits import Acceleration, Seen, check_leaving
from workbench.models.hooks import run_with_cache
from workbench.shapes import Bool

if TYPE_CHECKING:
    from workbench.interventions.exits import Exit
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt

Keep = dict[int, Tensor]
"""What layers (from 0) keep: bool (b h q k)."""


def exit_masks(model: VideoLLM, prompt: Prompt, what: Acceleration, cut: Mapping[int, Tensor]) -> Keep:
    """What each layer keeps while rows leave: no row that stays sees one that has left.

    `cut` is what else is cut. Rows that have left still see one another, which nothing can notice. Raises as
    the exits do.
    """
    keep = dict(cut)
    here = torch.arange(len(prompt), device=model.device)
    for one in what.exits:
        leaving = _chosen(model, prompt, one, here, keep)
        here = here[~torch.isin(here, leaving)]
        hidden: Bool[Tensor, "1 1 q k"] = torch.ones(
            1, 1, len(prompt), len(prompt), dtype=torch.bool, device=model.device
        )
        gone = torch.ones(len(prompt), dtype=torch.bool, device=model.device)
        gone[here] = False
        hidden[..., here[:, None], gone.nonzero()[:, 0]] = False
        for layer in one.layers(model.n_layers):
            keep[layer] = cut[layer] & hidden if layer in cut else hidden
    return keep


def _chosen(model: VideoLLM, prompt: Prompt, one: Exit, here: Tensor, keep: Keep) -> Tensor:
    layout = prompt.layout
    if isinstance(one.rows, str):
        leaving = torch.as_tensor(one.leaving(layout), device=here.device)
        return leaving[torch.isin(leaving, here)]
    resid, names = f"blocks.{one.after - 1}.hook_resid_post" if one.after else "blocks.0.hook_resid_pre", []
    pattern = f"blocks.{one.after - 1}.attn.hook_pattern"
    names = [resid, pattern] if one.rows.reads_attention else [resid]
    with _masked(model, keep):
        _, cache = run_with_cache(model, prompt, names, return_logits="last")

    def attention(row: int) -> Tensor:
        if not bool((here == row).any()):
            raise InterventionError(f"'{one}': row {row} has left before, so it attends to nothing there.")
        return cache[pattern][0, :, row, here].float()

    found = one.rows(Seen(layout, here, cache[resid][0, here], attention))
    check_leaving(str(one), found.tolist(), layout)
    return found


@contextmanager
def _masked(model: VideoLLM, keep: Keep) -> Iterator[None]:
    """Layers keep what they are told to while the context is open."""

    def put(mask: Tensor) -> Any:
        return lambda module, args, kwargs: restrict((args, kwargs), mask, model.attention)

    attentions = model.family.attentions(model.hf)
    handles = [
        attentions[number].register_forward_pre_hook(put(mask), with_kwargs=True)
        for number, mask in keep.items()
        if number in attentions
    ]
    try:
        with recurrent_cuts(model, keep):
            yield
    finally:
        for handle in handles:
            handle.remove()
