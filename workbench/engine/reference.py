"""The definition of a knockout's result: one nnsight trace of the whole model, masks put in layer by layer.

Easy to trust rather than fast. Every other engine is tested against this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from workbench.engine.masks import restrict
from workbench.engine.protocol import Baseline, Outcome, Outcomes
from workbench.errors import ModelError, PromptError
from workbench.interventions import Flow, Knockout, keep_mask

if TYPE_CHECKING:
    from workbench.models.prompt import Prompt
    from workbench.models.video_llm import VideoLLM

Masks = dict[tuple[Flow, ...], Tensor]
"""Keep-masks (b h q k) by the flows that are cut together."""


class ReferenceEngine:
    """One trace a knockout."""

    name = "reference"

    def outcomes(
        self,
        model: VideoLLM,
        prompt: Prompt,
        knockouts: Sequence[Knockout],
        *,
        token_id: int | None = None,
        on_done: Callable[[int], object] | None = None,
    ) -> Outcomes:
        """See Engine."""
        for knockout in dict.fromkeys(knockouts):
            knockout.check(prompt.layout, model.n_layers, model.n_heads)
        untouched = _probabilities(last_logits(model, prompt))
        token = int(untouched.argmax()) if token_id is None else token_id
        if not 0 <= token < len(untouched):
            raise PromptError(f"Token id {token} is outside the vocabulary of {len(untouched)} tokens.")
        results, masks = [], {}
        for knockout in knockouts:
            if not masks.keys() <= set(knockout.layers(model.n_layers).values()):
                masks.clear()  # a dense mask is large: keep only those that this knockout shares
            p = _probabilities(last_logits(model, prompt, knockout, masks=masks))
            top = int(p.argmax())
            results.append(Outcome(p=float(p[token]), top_id=top, top_p=float(p[top])))
            if on_done is not None:
                on_done(1)
        return Outcomes(Baseline(token_id=token, p=float(untouched[token])), results)


def logits(model: VideoLLM, prompt: Prompt, knockout: Knockout | None = None) -> Tensor:
    """Logits of every row (s, vocab) after a knockout, or of the untouched model."""
    return _run(model, prompt, knockout, {}, {})[0]


def last_logits(
    model: VideoLLM, prompt: Prompt, knockout: Knockout | None = None, *, masks: Masks | None = None
) -> Tensor:
    """Logits of the last row (vocab,) after a knockout, or of the untouched model.

    `masks` keeps the dense masks between calls on one prompt.
    """
    extra = {"logits_to_keep": 1} if "logits_to_keep" in model.arguments else {}
    return _run(model, prompt, knockout, {} if masks is None else masks, extra)[0, -1]


def layer_masks(
    model: VideoLLM, prompt: Prompt, knockout: Knockout | None, masks: Masks | None = None
) -> dict[int, Tensor]:
    """What each touched layer (from 0) keeps: bool (b=1, h, q, k) on the model's device."""
    masks = {} if masks is None else masks
    cut = knockout.layers(model.n_layers) if knockout is not None else {}
    for flows in cut.values():
        if flows not in masks:
            keep = keep_mask(flows, prompt.layout, model.n_heads)
            masks[flows] = torch.from_numpy(keep)[None].to(model.device)
    return {layer: masks[flows] for layer, flows in cut.items()}


def attentions(model: VideoLLM) -> list[Any]:
    """The self-attention of every decoder layer, as nnsight envoys."""
    return [layer.self_attn for layer in model.family.decoder_layers(model.nn)]


def _run(
    model: VideoLLM, prompt: Prompt, knockout: Knockout | None, masks: Masks, extra: dict[str, Any]
) -> Tensor:
    keep = layer_masks(model, prompt, knockout, masks)
    with torch.no_grad(), model.trace(prompt, **extra):
        # Every layer gets its mask written out, cut or not: then untouched rows are equal bit for bit.
        for layer, attention in enumerate(attentions(model)):
            attention.inputs = restrict(attention.inputs, keep.get(layer), model.attention)
        out = model.nn.output.logits.save()
    return out


def _probabilities(row: Tensor) -> Tensor:
    p = row.float().softmax(dim=-1)
    if not bool(torch.isfinite(p).all()):
        raise ModelError(
            f"The model's logits are not finite in {row.dtype}. Load it with dtype=torch.float32."
        )
    return p
