"""From logits of the last row to results, the same for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from workbench.engine.protocol import Baseline, Outcome, Request
from workbench.errors import ModelError, PromptError
from workbench.interventions import check_flows

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM


def check(model: VideoLLM, requests: Sequence[Request]) -> None:
    """Raises KnockoutError or SpanError for a knockout that cannot act on its prompt and this model."""
    for request in requests:
        # Many knockouts cut the same flows, only in other layers.
        together = {
            flows for knockout in request.knockouts for flows in knockout.layers(model.n_layers).values()
        }
        for flows in together:
            check_flows(flows, request.prompt.layout, model.n_heads)


def probabilities(logits: Tensor) -> Tensor:
    """Softmax in float32 over the vocabulary, (.., vocab). Raises ModelError where it is not finite."""
    p = logits.float().softmax(dim=-1)
    if not bool(torch.isfinite(p).all()):
        raise ModelError(
            f"The model's logits are not finite in {logits.dtype}. Load it with dtype=torch.float32."
        )
    return p


def baseline_of(untouched: Tensor, token_id: int | None) -> Baseline:
    """The token to follow and its probability, from the untouched model's probabilities (vocab,).

    Raises PromptError for a token outside the vocabulary.
    """
    token = int(untouched.argmax()) if token_id is None else token_id
    if not 0 <= token < len(untouched):
        raise PromptError(f"Token id {token} is outside the vocabulary of {len(untouched)} tokens.")
    return Baseline(token_id=token, p=float(untouched[token]))


def is_wanted(request: Request, baseline: Baseline) -> bool:
    """Whether the request's knockouts are to be run."""
    return request.wanted is None or request.wanted(baseline.token_id)


def outcomes_of(p: Tensor, token_ids: Sequence[int]) -> list[Outcome]:
    """Results of knockouts from their probabilities (knockout, vocab), each with the token to follow."""
    tokens = torch.tensor(token_ids, device=p.device)
    top = p.max(dim=-1)
    traced = p.gather(1, tokens[:, None])[:, 0].tolist()
    rows = zip(traced, top.indices.tolist(), top.values.tolist(), strict=True)
    return [Outcome(p=value, top_id=top_id, top_p=top_p) for value, top_id, top_p in rows]
