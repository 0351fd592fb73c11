"""What a layer does number by number, each in one pass over memory: the gate of an MLP, the rotation of
queries and keys. In Triton, which comes with torch for CUDA; import it only where `has_triton` holds.

Numbers are worked out in float32 and rounded once.

Axes: N numbers, H query heads, K key/value heads, s position, e head dim.
"""

from __future__ import annotations

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor

from workbench.shapes import Float, shaped

_NUMBERS = 1024
_POSITIONS = 32


@shaped
def gated(gate: Float[Tensor, "*N"], up: Float[Tensor, "*N"]) -> Float[Tensor, "*N"]:
    """silu(gate) * up, put into `gate`. Both are contiguous."""
    assert gate.is_contiguous()
    assert up.is_contiguous()
    count = gate.numel()
    grid = (triton.cdiv(count, _NUMBERS),)
    _gated[grid](gate, up, count, NUMBERS=_NUMBERS)  # pyright: ignore[reportIndexIssue]
    return gate


@shaped
def rotated(
    query: Float[Tensor, "1 H s e"],
    key: Float[Tensor, "1 K s e"],
    cos: Float[Tensor, "1 s e"],
    sin: Float[Tensor, "1 s e"],
) -> tuple[Float[Tensor, "1 H s e"], Float[Tensor, "1 K s e"]]:
    """Queries and keys, each pair (i, i + e/2) turned by its angle, as Llama does."""
    turned = torch.empty_like(query), torch.empty_like(key)
    assert all(part.stride(-1) == 1 for part in (query, key, cos, sin, *turned))
    heads, positions, width = query.shape[1:]
    grid = (triton.cdiv(positions, _POSITIONS), heads + key.shape[1])
    _rotated[grid](  # pyright: ignore[reportIndexIssue]
        query, key, cos, sin, *turned, positions, heads,
        *query.stride()[1:3], *key.stride()[1:3], cos.stride(1), sin.stride(1),
        *turned[0].stride()[1:3], *turned[1].stride()[1:3],
        HALF=width // 2, POSITIONS=_POSITIONS,
    )  # fmt: skip
    return turned


@triton.jit
def _gated(gate, up, count, NUMBERS: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * NUMBERS + tl.arange(0, NUMBERS)
    here = at < count
    given = tl.load(gate + at, mask=here, other=0.0)
    numbers = given.to(tl.float32)
    result = numbers / (1.0 + tl.exp(-numbers)) * tl.load(up + at, mask=here, other=0.0).to(tl.float32)
    tl.store(gate + at, result.to(given.dtype), mask=here)


@triton.jit(do_not_specialize=["positions"])
def _rotated(
    query, key, cos, sin, new_query, new_key, positions, heads,
    q_head, q_row, k_head, k_row, cos_row, sin_row, nq_head, nq_row, nk_head, nk_row,
    HALF: tl.constexpr, POSITIONS: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(1)
    rows = tl.program_id(0).to(tl.int64) * POSITIONS + tl.arange(0, POSITIONS)
    here = (rows < positions)[:, None]
    low = tl.arange(0, HALF)[None]
    cos_at, sin_at = cos + rows[:, None] * cos_row + low, sin + rows[:, None] * sin_row + low
    cos_low = tl.load(cos_at, mask=here, other=0.0).to(tl.float32)
    cos_high = tl.load(cos_at + HALF, mask=here, other=0.0).to(tl.float32)
    sin_low = tl.load(sin_at, mask=here, other=0.0).to(tl.float32)
    sin_high = tl.load(sin_at + HALF, mask=here, other=0.0).to(tl.float32)
    if head < heads:
        _turn(
            query + head * q_head + rows[:, None] * q_row + low,
            new_query + head * nq_head + rows[:, None] * nq_row + low,
            cos_low, cos_high, sin_low, sin_high, here, HALF,
        )  # fmt: skip
    else:
        head -= heads
        _turn(
            key + head * k_head + rows[:, None] * k_row + low,
            new_key + head * nk_head + rows[:, None] * nk_row + low,
            cos_low, cos_high, sin_low, sin_high, here, HALF,
        )  # fmt: skip


@triton.jit
def _turn(source, target, cos_low, cos_high, sin_low, sin_high, here, HALF: tl.constexpr):
    given = tl.load(source, mask=here, other=0.0)
    low = given.to(tl.float32)
    high = tl.load(source + HALF, mask=here, other=0.0).to(tl.float32)
    tl.store(target, (low * cos_low - high * sin_low).to(given.dtype), mask=here)
    tl.store(target + HALF, (high * cos_high + low * sin_high).to(given.dtype), mask=here)
