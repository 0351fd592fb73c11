"""The definition of an intervention's result: one nnsight trace of the whole model in which it acts.

Easy to trust rather than fast. Every other engine is tested against this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from workbench.engine.acting import Kept, acting
from workbench.engine.elsewhere import as_asked, elsewhere
from workbench.engine.following import check_text, token_probabilities
from workbench.engine.protocol import Engine, Followed, Outcomes, Request, TextRequest
from workbench.engine.readout import baseline_of, check, is_wanted, measured, outcomes_of, probabilities
from workbench.engine.recurrent import recurrent_cuts
from workbench.engine.restrict import restrict
from workbench.interventions import Intervention, at_steps
from workbench.models.attention import CUT_BELOW
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.prompt import Prompt


class ReferenceEngine(Engine):
    """One trace an intervention, of whatever kind."""

    name = "reference"

    def run(
        self, model: VideoLLM, requests: Sequence[Request], on_done: Callable[[int], object] | None = None
    ) -> list[Outcomes]:
        """See Engine."""
        check(model, requests)
        return [self._run(model, request, on_done) for request in requests]

    def _run(self, model: VideoLLM, request: Request, on_done: Callable[[int], object] | None) -> Outcomes:
        prompt = request.prompt
        if model.remote is None:
            with _seeing_masks(model) as own:
                base = last_logits(model, prompt)
        else:
            base, own = remotely(model, prompt)
        baseline = baseline_of(probabilities(base), request.token_id)
        results, kept = [], {}
        for intervention in request.interventions if is_wanted(request, baseline) else ():
            found = last_logits(model, prompt, intervention, kept=kept)[None]
            p = probabilities(found)
            results += outcomes_of(p, [baseline.token_id], measured(request, baseline, base, found))
            if on_done is not None:
                on_done(1)
        return Outcomes(baseline, results, own_masks=own)

    def follow(
        self, model: VideoLLM, request: TextRequest, on_done: Callable[[int], object] | None = None
    ) -> Followed:
        """See Engine. One trace of the whole text a knockout; a trace a step where each acts at its own."""
        check_text(model, request)
        layout, count, kept = request.prompt.layout, len(request.token_ids), {}

        def read(knockout: Intervention | None) -> np.ndarray:
            found = _run(model, request.prompt, knockout, kept, {})[0, -count:]
            return token_probabilities(found, request.token_ids).cpu().numpy()

        base = read(None)
        changed = np.tile(base, (len(request.knockouts), 1))
        for row, knockout in zip(changed, request.knockouts, strict=True):
            if not request.own_step:
                row[:] = read(knockout)
            else:
                steps = [at_steps(knockout, (step,), layout) for step in range(1, count + 1)]
                found = {cut: read(cut) for cut in dict.fromkeys(steps) if cut is not None}
                for step, cut in enumerate(steps):
                    row[step] = base[step] if cut is None else found[cut][step]
            if on_done is not None:
                on_done(1)
        return Followed(base, changed)


@contextmanager
def _seeing_masks(model: VideoLLM) -> Iterator[list[np.ndarray | None]]:
    """The masks that layers are handed while the context is open, as in `Outcomes.own_masks`."""
    found: list[np.ndarray | None] = []
    known: dict[int, tuple[Tensor, np.ndarray | None]] = {}

    def look(module: nn.Module, args: Any, kwargs: Any) -> None:
        found.append(as_kept(kwargs.get("attention_mask"), known))

    def pass_by(module: nn.Module, args: Any) -> None:
        found.append(None)  # a layer with a running state has no mask

    attentions = model.family.attentions(model.hf)
    handles = [
        attentions[number].register_forward_pre_hook(look, with_kwargs=True)
        if number in attentions
        else layer.register_forward_pre_hook(pass_by)
        for number, layer in enumerate(model.family.decoder_layers(model.hf))
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def as_kept(mask: object, known: dict[int, tuple[Tensor, np.ndarray | None]]) -> np.ndarray | None:
    """What a layer's own mask keeps (q k), None where that is all that is not later; `known` saves work on a
    mask that layers share."""
    if not isinstance(mask, Tensor) or mask.ndim != 4:
        return None
    if id(mask) not in known:  # held, so that no other one takes its id
        keep = (mask if mask.dtype == torch.bool else mask > CUT_BELOW)[0].all(0)
        causal = torch.ones_like(keep).tril()
        known[id(mask)] = mask, None if torch.equal(keep, causal) else keep.cpu().numpy()
    return known[id(mask)][1]


@shaped
def logits(
    model: VideoLLM, prompt: Prompt, intervention: Intervention | None = None
) -> Float[Tensor, "s vocab"]:
    """Logits of every row after an intervention, or of the untouched model."""
    return _run(model, prompt, intervention, {}, {})[0]


@shaped
def last_logits(
    model: VideoLLM, prompt: Prompt, intervention: Intervention | None = None, *, kept: Kept | None = None
) -> Float[Tensor, " vocab"]:
    """Logits of the last row after an intervention, or of the untouched model.

    `kept` holds what interventions on this prompt share, from call to call.
    """
    return _run(model, prompt, intervention, {} if kept is None else kept, model.only_last_logits)[0, -1]


def attentions(model: VideoLLM) -> dict[int, Any]:
    """The softmax attention of every decoder layer (from 0) that has one, as nnsight envoys."""
    layers = model.family.decoder_layers(model.nn)
    return {number: layers[number].self_attn for number in model.family.attentions(model.structure)}


def _run(
    model: VideoLLM, prompt: Prompt, intervention: Intervention | None, kept: Kept, extra: dict[str, Any]
) -> Tensor:
    with (
        acting(intervention, model, prompt, kept) as keep,
        recurrent_cuts(model, keep),
        torch.no_grad(),
        elsewhere(model, intervention),
    ):
        # What a block names is shipped to where it runs: these, and not the model.
        places, kind, nn = attentions(model), model.attention, model.nn
        with model.trace(prompt, **extra):
            # Every layer gets its mask written out, cut or not: then untouched rows are equal bit for bit.
            for layer, attention in places.items():
                attention.inputs = restrict(attention.inputs, keep.get(layer), kind)
            out = nn.output.logits.save()
    return as_asked(model, out)


def remotely(model: VideoLLM, prompt: Prompt) -> tuple[Tensor, list[np.ndarray | None]]:
    """As `last_logits` of the untouched model, and the masks that layers are handed (`Outcomes.own_masks`):
    where the model runs elsewhere, no hook sees them."""
    from nnsight import save

    with torch.no_grad(), elsewhere(model, None):
        places, kind, nn = attentions(model), model.attention, model.nn
        with model.trace(prompt, **model.only_last_logits):
            own = []
            for attention in places.values():
                own.append(attention.inputs[1].get("attention_mask"))
                attention.inputs = restrict(attention.inputs, None, kind)
            own = save(own)
            out = nn.output.logits.save()
    known: dict[int, tuple[Tensor, np.ndarray | None]] = {}
    return as_asked(model, out)[0, -1], [as_kept(mask, known) for mask in own]
