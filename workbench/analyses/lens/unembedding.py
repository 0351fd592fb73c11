"""From residual streams to words: final norm, unembedding, and what is wanted of the logits.

The logits of 6,272 video rows over 152,000 words would take 3.8 GB a layer, so they exist in tiles only: some
rows by some words. A running top-k and a running logsumexp in float32 go over the tiles.

Axes: r row, d model, w word of the vocabulary, k place among the top, g group of words, i word of any group.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from workbench.engine.vocabulary import VOCAB_CHUNK, tiles
from workbench.errors import ModelError, RunError, not_finite
from workbench.models.placement import present
from workbench.models.softmax import logit_cap
from workbench.shapes import Float, Int, shaped

if TYPE_CHECKING:
    from workbench.models import VideoLLM

ROW_CHUNK = 1024
"""Rows of a tile."""


class Reading(NamedTuple):
    """What residual streams say through the unembedding. Softmax in float32, over the whole vocabulary."""

    top_ids: Int[Tensor, "r k"]
    """Likeliest first; equal logits in the order of their ids."""
    top_p: Float[Tensor, "r k"]
    group_p: Float[Tensor, "r g"]
    """Summed over the ids of a group."""
    group_rank: Int[Tensor, "r g"]
    """Of the likeliest id of a group, 1 + the number of words with a larger logit."""
    id_p: Float[Tensor, "r i"]
    """Of every id of every group, one group after another."""


@shaped
def read_residual(
    model: VideoLLM,
    residual: Float[Tensor, "r d"],
    *,
    top_k: int = 1,
    groups: Sequence[Sequence[int]] = (),
    norm: bool = True,
    row_chunk: int = ROW_CHUNK,
    vocab_chunk: int = VOCAB_CHUNK,
) -> Reading:
    """The likeliest words of `residual`, and probability and rank of `groups` of token ids.

    `norm=False` leaves the final norm out. Raises RunError for sizes below 1, ids outside the vocabulary and
    empty groups, ModelError for logits that are not finite.
    """
    head = head_of(model)
    _check(head.out_features, top_k, groups, row_chunk, vocab_chunk)
    parts, cap = [], logit_cap(model.config)
    with torch.no_grad():
        for part in residual.split(row_chunk):
            hidden = model.family.final_norm(model.hf)(part) if norm else part
            with present(head):
                hidden = hidden.to(head.weight.device)
                parts.append(_read_rows(head, hidden, top_k, groups, vocab_chunk, cap))
    return Reading(*(torch.cat(column) for column in zip(*parts, strict=True)))


def head_of(model: VideoLLM) -> nn.Linear:
    """The unembedding. Raises ModelError where it is no plain linear layer."""
    head = model.family.lm_head(model.hf)
    if not isinstance(head, nn.Linear):
        raise ModelError(
            f"The unembedding of {model.name} is a {type(head).__name__}; the logit lens reads a plain "
            "linear layer. Load the checkpoint without quantisation of its head."
        )
    return head


def _check(
    vocabulary: int, top_k: int, groups: Sequence[Sequence[int]], row_chunk: int, vocab_chunk: int
) -> None:
    for name, value in (("top_k", top_k), ("row_chunk", row_chunk), ("vocab_chunk", vocab_chunk)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise RunError(f"{name}={value!r}: give a whole number from 1.")
    if top_k > vocabulary:
        raise RunError(f"top_k={top_k}: the vocabulary has {vocabulary} words. Give a smaller number.")
    for group in groups:
        if not group or min(group) < 0 or max(group) >= vocabulary:
            raise RunError(f"A group of token ids is {list(group)}: give one or more of 0..{vocabulary - 1}.")


def _read_rows(
    head: nn.Linear,
    hidden: Tensor,
    top_k: int,
    groups: Sequence[Sequence[int]],
    vocab_chunk: int,
    cap: float | None,
) -> Reading:
    rows, device = len(hidden), hidden.device
    ids = torch.tensor([id for group in groups for id in group], dtype=torch.int64, device=device)
    own = torch.empty(rows, len(ids), dtype=torch.float32, device=device)
    if len(ids):
        # Its own pass, with the tiles of the pass below: a word's logit is then the same to the last bit.
        for first, logits in tiles(head, hidden, vocab_chunk, only=ids.tolist(), cap=cap):
            inside = (ids >= first) & (ids < first + logits.shape[1])
            own[:, inside] = logits[:, ids[inside] - first]
    sizes = [len(group) for group in groups]
    best = [part.amax(1, keepdim=True) for part in own.split(sizes, 1)] if sizes else []

    total = torch.full((rows,), -torch.inf, dtype=torch.float32, device=device)
    top = own.new_empty(rows, 0)
    top_ids = ids.new_empty(rows, 0)
    larger = torch.zeros(rows, len(groups), dtype=torch.int64, device=device)
    for first, logits in tiles(head, hidden, vocab_chunk, cap=cap):
        total = torch.logaddexp(total, logits.logsumexp(1))
        for number, value in enumerate(best):
            larger[:, number] += (logits > value).sum(1)
        found, found_ids = _largest(logits, min(top_k, logits.shape[1]))
        top, top_ids = torch.cat([top, found], 1), torch.cat([top_ids, found_ids + first], 1)
        # Stable, and earlier tiles come first: of equal logits the smaller id stays ahead.
        top, order = top.sort(dim=1, descending=True, stable=True)
        top, top_ids = top[:, :top_k], top_ids.gather(1, order[:, :top_k])
    if not bool(torch.isfinite(total).all()):
        raise not_finite("The lens' logits", head.weight.dtype)
    id_p = (own - total[:, None]).exp()
    summed = [part.sum(1) for part in id_p.split(sizes, 1)] if sizes else []
    return Reading(
        top_ids=top_ids,
        top_p=(top - total[:, None]).exp(),
        group_p=torch.stack(summed, 1) if summed else own.new_empty(rows, 0),
        group_rank=larger + 1,
        id_p=id_p,
    )


def _largest(logits: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Values and places of the k largest, in order; of equal ones the first. Overwrites `logits`.

    torch.topk may take any of equal values, and low precision makes many equal.
    """
    values, places = [], []
    for _ in range(k):
        place = logits.argmax(1, keepdim=True)
        values.append(logits.gather(1, place))
        places.append(place)
        logits.scatter_(1, place, -torch.inf)
    return torch.cat(values, 1), torch.cat(places, 1)
