"""From logits of the last row to results, the same for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from workbench.engine.protocol import Baseline, Outcome, Request
from workbench.errors import ModelError, PromptError

if TYPE_CHECKING:
    from workbench.models.video_llm import VideoLLM

import torch


def check(model: VideoLLM, requests: Sequence[Request]) -> None:
    """Raises KnockoutError or SpanError for a knockout that cannot act on its prompt and this model."""
    for request in requests:
        for knockout in dict.fromkeys(request.knockouts):
            knockout.check(request.prompt.layout, model.n_layers, model.n_heads)


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


def outcome_of(p: Tensor, token_id: int) -> Outcome:
    """A knockout's result from its probabilities (vocab,)."""
    top = int(p.argmax())
    return Outcome(p=float(p[token_id]), top_id=top, top_p=float(p[top]))
