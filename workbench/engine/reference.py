"""The definition of a knockout's result: one nnsight trace of the whole model, masks put in layer by layer.

Easy to trust rather than fast. Every other engine is tested against this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from workbench.engine.protocol import Engine, Outcomes, Request
from workbench.engine.readout import baseline_of, check, is_wanted, outcomes_of, probabilities
from workbench.engine.restrict import restrict
from workbench.interventions import Knockout, Removal, keep_mask

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt

Masks = dict[tuple[Removal, ...], Tensor]
"""Keep-masks (b h q k) by the flows that are cut together."""


class ReferenceEngine(Engine):
    """One trace a knockout."""

    name = "reference"

    def run(
        self, model: VideoLLM, requests: Sequence[Request], on_done: Callable[[int], object] | None = None
    ) -> list[Outcomes]:
        """See Engine."""
        check(model, requests)
        return [self._run(model, request, on_done) for request in requests]

    def _run(self, model: VideoLLM, request: Request, on_done: Callable[[int], object] | None) -> Outcomes:
        prompt = request.prompt
        untouched = probabilities(last_logits(model, prompt))
        baseline = baseline_of(untouched, request.token_id)
        results, masks = [], {}
        for knockout in request.knockouts if is_wanted(request, baseline) else ():
            if not masks.keys() <= set(knockout.layers(model.n_layers).values()):
                masks.clear()  # a dense mask is large: keep only those that this knockout shares
            p = probabilities(last_logits(model, prompt, knockout, masks=masks))
            results += outcomes_of(p[None], [baseline.token_id])
            if on_done is not None:
                on_done(1)
        return Outcomes(baseline, results)


def logits(model: VideoLLM, prompt: Prompt, knockout: Knockout | None = None) -> Tensor:
    """Logits of every row (s, vocab) after a knockout, or of the untouched model."""
    return _run(model, prompt, knockout, {}, {})[0]


def last_logits(
    model: VideoLLM, prompt: Prompt, knockout: Knockout | None = None, *, masks: Masks | None = None
) -> Tensor:
    """Logits of the last row (vocab,) after a knockout, or of the untouched model.

    `masks` keeps the dense masks between calls on one prompt.
    """
    return _run(model, prompt, knockout, {} if masks is None else masks, model.only_last_logits)[0, -1]


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
