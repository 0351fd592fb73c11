"""Attention with its normaliser, by the fastest exact kernel at hand, and the exact join of two such results.

Axes: b batch, H query heads, K key/value heads, q query, k key, e head dim. Keys and values may have batch 1:
all rows of the batch then share them, and nothing is copied.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.integrations.sdpa_attention import repeat_kv

from workbench.shapes import Bool, Float, shaped

_aten = torch.ops.aten
_ALIGNED = 8
"""Masks of the memory-efficient kernel must start every row on a multiple of this many elements."""
_PLAIN_SCORES = 2**26
"""Scores that the plain path holds at once."""


class Attended(NamedTuple):
    """A part of attention: its result over some keys, and what it needs to be joined with another part."""

    out: Float[Tensor, "b H q e"]
    lse: Float[Tensor, "b H q"]
    """Logarithm of the sum of exp(score), float32."""


@shaped
def attend(
    query: Float[Tensor, "b H q e"],
    key: Float[Tensor, "#b K k e"],
    value: Float[Tensor, "#b K k e"],
    *,
    scale: float,
    causal: bool = False,
    mask: Bool[Tensor, "q k"] | None = None,
) -> Attended:
    """Softmax attention of query over key and value.

    `causal`: the queries are the last keys, and see those up to their own. `mask` is True = sees; every row
    sees at least one.
    """
    assert not (causal and mask is not None)
    assert not causal or query.shape[2] <= key.shape[2]
    if key.shape[0] != query.shape[0]:
        key, value = (part.expand(query.shape[0], -1, -1, -1) for part in (key, value))
    if causal and query.shape[2] < key.shape[2] and not _flash(query):
        # Only this kernel aligns a causal mask at the last key.
        rows, columns = query.shape[2], key.shape[2]
        open_ = torch.ones(rows, columns, dtype=torch.bool, device=query.device)
        causal, mask = False, open_.tril(columns - rows)
    if has_biased(query):
        bias = None if mask is None else _bias(mask, query.dtype)[None, None]
        return attend_biased(query, key, value, scale=scale, causal=causal, bias=bias)
    if query.device.type == "cuda":
        return _on_cuda(query, key, value, scale, causal, mask)
    return plain(query, key, value, scale=scale, causal=causal, mask=mask)


@shaped
def attend_biased(
    query: Float[Tensor, "b H q e"],
    key: Float[Tensor, "b K k e"],
    value: Float[Tensor, "b K k e"],
    *,
    scale: float,
    causal: bool = False,
    bias: Float[Tensor, "#b 1 q k"] | None = None,
) -> Attended:
    """`attend` where `has_biased`, by a kernel that adds a bias to the scores: 0, or -inf where a row of one
    batch does not see a key. Every row sees at least one. `causal`: as many keys as queries, and no bias."""
    return Attended(
        *_aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, causal, attn_mask=bias, scale=scale
        )
    )


def has_biased(query: Tensor) -> bool:
    """Whether `attend_biased` takes queries of this kind."""
    return query.device.type == "cpu" and query.dtype != torch.float64


def _on_cuda(
    query: Tensor, key: Tensor, value: Tensor, scale: float, causal: bool, mask: Tensor | None
) -> Attended:
    if mask is None and _flash(query):
        found = _aten._scaled_dot_product_flash_attention(query, key, value, 0.0, causal, scale=scale)
        return Attended(found[0], found[1])
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    bias = None
    if mask is not None:
        rows, columns = mask.shape
        padded = query.new_empty(rows, -(-columns // _ALIGNED) * _ALIGNED)[:, :columns]
        padded.copy_(_bias(mask, query.dtype))
        bias = padded.expand(*query.shape[:2], -1, -1)
    found = _aten._scaled_dot_product_efficient_attention(
        query, key, value, bias, True, 0.0, causal, scale=scale
    )
    return Attended(found[0], found[1][..., : query.shape[2]])


def _flash(query: Tensor) -> bool:
    """Whether the flash kernel takes it, where nothing is masked."""
    half = query.dtype in (torch.bfloat16, torch.float16)
    return query.device.type == "cuda" and half and query.shape[-1] <= 256 and query.shape[-1] % 8 == 0


@shaped
def plain(
    query: Float[Tensor, "b H q e"],
    key: Float[Tensor, "#b K k e"],
    value: Float[Tensor, "#b K k e"],
    *,
    scale: float,
    causal: bool = False,
    mask: Bool[Tensor, "q k"] | None = None,
) -> Attended:
    """`attend` written out, softmax in float32 (or wider), a stretch of rows at a time."""
    groups = query.shape[1] // key.shape[1]
    key, value = repeat_kv(key, groups), repeat_kv(value, groups)
    if causal:
        rows, columns = query.shape[2], key.shape[2]
        mask = torch.ones(rows, columns, dtype=torch.bool, device=query.device).tril(columns - rows)
    at_once = max(1, _PLAIN_SCORES // (query.shape[0] * query.shape[1] * key.shape[2]))
    outs, lses = [], []
    for start in range(0, query.shape[2], at_once):
        part = slice(start, start + at_once)
        scores = (query[:, :, part] @ key.transpose(2, 3)) * scale
        wide = torch.promote_types(scores.dtype, torch.float32)
        scores = scores.to(wide)
        if mask is not None:
            scores = scores.masked_fill(~mask[part], -torch.inf)
        lses.append(scores.logsumexp(-1))
        outs.append(F.softmax(scores, dim=-1).to(query.dtype) @ value)
    return Attended(torch.cat(outs, 2), torch.cat(lses, 2))


@shaped
def attend_self(
    query: Float[Tensor, "b H q e"],
    key: Float[Tensor, "b K q e"],
    value: Float[Tensor, "b K q e"],
    *,
    scale: float,
) -> Attended:
    """Attention where row i sees key i and nothing else."""
    groups = query.shape[1] // key.shape[1]
    grouped = query.unflatten(1, (key.shape[1], groups))  # (b, K, groups, q, e)
    lse = torch.einsum("bkgqe,bkqe->bkgq", grouped.float(), key.float()).flatten(1, 2) * scale
    return Attended(repeat_kv(value, groups), lse)


@shaped
def join(one: Attended, two: Attended, out: Float[Tensor, "b H q e"] | None = None) -> Attended:
    """Attention over the keys of both parts, which share no key. A part without keys has lse -inf."""
    weight = torch.sigmoid(two.lse - one.lse)[..., None].to(one.out.dtype)
    joined = (
        torch.lerp(one.out, two.out, weight, out=out)
        if out is not None
        else torch.lerp(one.out, two.out, weight)
    )
    return Attended(joined, torch.logaddexp(one.lse, two.lse))


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -torch.inf)
