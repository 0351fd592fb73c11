"""From logits of the last row to results, the same for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from workbench.engine.protocol import Baseline, Outcome, Request
from workbench.errors import PromptError, not_finite
from workbench.models.softmax import check_not_compiled
from workbench.shapes import Float, shaped

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM


def check(model: VideoLLM, requests: Sequence[Request]) -> None:
    """Raises InterventionError or SpanError for what cannot act on its prompt and this model, ModelError for
    a model that was compiled."""
    check_not_compiled(model.family.decoder_layers(model.structure))
    for request in requests:
        for kind in dict.fromkeys(map(type, request.interventions)):
            same = [one for one in request.interventions if type(one) is kind]
            kind.check_all(same, request.prompt.layout, model.n_layers, model.n_heads)


@shaped
def probabilities(logits: Float[Tensor, "*rows vocab"]) -> Float[Tensor, "*rows vocab"]:
    """Softmax in float32 over the vocabulary. Raises NotFinite where it is not finite."""
    p = logits.float().softmax(dim=-1)
    if not bool(torch.isfinite(p).all()):
        raise not_finite("The model's logits", logits.dtype)
    return p


@shaped
def baseline_of(untouched: Float[Tensor, " vocab"], token_id: int | None) -> Baseline:
    """The token to follow and its probability, from the untouched model's probabilities.

    Raises PromptError for a token outside the vocabulary.
    """
    token = int(untouched.argmax()) if token_id is None else token_id
    if not 0 <= token < len(untouched):
        raise PromptError(f"Token id {token} is outside the vocabulary of {len(untouched)} tokens.")
    return Baseline(token_id=token, p=float(untouched[token]))


def is_wanted(request: Request, baseline: Baseline) -> bool:
    """Whether the request's interventions are to be run."""
    return request.wanted is None or request.wanted(baseline.token_id)


@shaped
def measured(
    request: Request,
    baseline: Baseline,
    base: Float[Tensor, " vocab"],
    changed: Float[Tensor, "intervention vocab"],
) -> list[tuple[float, ...]]:
    """What the request's readouts find in logits after some of its interventions, next to the untouched
    model's."""
    if not request.readouts:
        return [()] * len(changed)
    base, changed = base.float(), changed.float()
    found = [readout(base, changed, baseline.token_id) for readout in request.readouts]
    return [tuple(row) for row in torch.cat(found, dim=1).tolist()]


@shaped
def outcomes_of(
    p: Float[Tensor, "intervention vocab"],
    token_ids: Sequence[int],
    measured: Sequence[tuple[float, ...]],
) -> list[Outcome]:
    """Results from probabilities after interventions, with what each one's readouts found and the token to
    follow."""
    tokens = torch.tensor(token_ids, dtype=torch.long, device=p.device)
    top = p.max(dim=-1)
    traced = p.gather(1, tokens[:, None])[:, 0].tolist()
    rows = zip(traced, top.indices.tolist(), top.values.tolist(), measured, strict=True)
    return [Outcome(*row) for row in rows]
