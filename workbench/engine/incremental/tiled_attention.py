"""Attention of all packed rows of a prompt in one kernel launch, by tiles.

In Triton, which comes with torch for CUDA; import it only where `has_triton` holds. Scores and sums are in
float32, as in the kernels that it stands for.

Axes: N packed rows, M packed keys, s position, H query heads, K key/value heads, e head dim; see `tiles`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from torch import Tensor

from workbench.engine.incremental.tiles import KEYS, ROWS
from workbench.shapes import Float, Int, shaped

_LOG2_E = 1.4426950408889634


@shaped
def attend_tiles(
    query: Float[Tensor, "N H e"],
    shared: tuple[Float[Tensor, "K s e"], Float[Tensor, "K s e"]],
    own: tuple[Float[Tensor, "M K e"], Float[Tensor, "M K e"]],
    out: Float[Tensor, "N H e"],
    *,
    row_nodes: Int[Tensor, " N"],
    key_nodes: Int[Tensor, " M"],
    first_node: int,
    last_key: int,
    nodes: Int[Tensor, "n 4"],
    bounds: Int[Tensor, "T 2"],
    tables: Sequence[Tensor],
    scale: float,
) -> None:
    """Write the attention of the rows in these tiles into `out`.

    `tables` are those of `tiles.Tables`, `nodes` and `bounds` as `tiles` makes them; the keys of these nodes
    end before `last_key`. The numbers of a head lie side by side.
    """
    key, value = own
    assert all(part.stride(-1) == 1 for part in (query, key, value, out, *shared))
    rows, hard, columns, in_all, in_some = tables
    count = len(bounds)
    # Keys that a tile of rows goes through: how many tiles of each sort, and which. Each sort has room for
    # all tiles of a prompt and one more.
    most = len(in_all) + 1
    counts = torch.empty(count, 2, dtype=torch.int32, device=query.device)
    lists = torch.empty(count, 2, most, dtype=torch.int32, device=query.device)
    _list[(count,)](  # pyright: ignore[reportIndexIssue]
        row_nodes, nodes, rows, in_all, in_some, bounds, counts, lists,
        first_node, rows.shape[1], last_key, most,
        ROWS=ROWS, KEYS=KEYS, num_warps=1,
    )  # fmt: skip
    _attend[(count, query.shape[1])](  # pyright: ignore[reportIndexIssue]
        query, key, value, *shared, out,
        row_nodes, key_nodes, nodes, rows, hard, columns, bounds, counts, lists,
        first_node, rows.shape[1], last_key, most, scale * _LOG2_E,
        *query.stride()[:2], *key.stride()[:2], *value.stride()[:2],
        *shared[0].stride()[:2], *shared[1].stride()[:2], *out.stride()[:2],
        GROUPS=query.shape[1] // key.shape[1], E=query.shape[2], ROWS=ROWS, KEYS=KEYS,
        num_warps=4, num_stages=3,
    )  # fmt: skip


@triton.jit
def _and(one, two):
    return one & two


@triton.jit
def _or(one, two):
    return one | two


@triton.jit(do_not_specialize=["first_node", "length", "last_key", "most"])
def _list(
    row_nodes, nodes, lost_rows, in_all, in_some, bounds, counts, lists,
    first_node, length, last_key, most,
    ROWS: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    """Tiles of keys of one tile of rows: 2 * its first key, + 1 where some row does not read some of it.

    Untouched keys and, where the rows are of one node, its own are named by position; where they are of
    several, their keys are gone through one after another, as they are packed, and only counted here.
    """
    tile = tl.program_id(0)
    begin, end = tl.load(bounds + 2 * tile), tl.load(bounds + 2 * tile + 1)
    rows = begin + tl.arange(0, ROWS)
    here = rows < end
    node = tl.load(row_nodes + rows, mask=here, other=first_node) - first_node
    start = tl.load(nodes + 4 * node)
    bits_at = tl.load(nodes + 4 * node + 1) * length + rows - tl.load(nodes + 4 * node + 2)
    bits = tl.load(lost_rows + bits_at, mask=here, other=0)
    some = tl.reduce(bits, 0, _or)
    every = tl.reduce(tl.where(here, bits, -1), 0, _and)
    least = tl.min(tl.where(here, start, length), 0)
    greatest = tl.max(tl.where(here, start, 0), 0)

    first = tl.load(row_nodes + begin) - first_node
    last = tl.load(row_nodes + end - 1) - first_node
    listed = lists + tile.to(tl.int64) * 2 * most
    count = 0
    for at in range(tl.cdiv(greatest, KEYS)):
        gone = (tl.load(in_all + at) & every) != 0
        partial = ((tl.load(in_some + at) & some) != 0) | ((at + 1) * KEYS > least)
        tl.store(listed + count, 2 * at * KEYS + partial.to(tl.int32), mask=~gone)
        count += (~gone).to(tl.int32)
    tl.store(counts + 2 * tile, count)

    listed += most
    count = 0
    if first == last:
        own = tl.load(nodes + 4 * first)
        row_at = tl.load(nodes + 4 * first + 2)
        for at in range(own // KEYS, (end - 1 - row_at) // KEYS + 1):
            # A row may keep its own key though it has lost the set that it is in.
            before = (at + 1) * KEYS <= begin - row_at
            gone = before & ((tl.load(in_all + at) & every) != 0)
            partial = ((tl.load(in_some + at) & some) != 0) | ~before | (at * KEYS < own)
            tl.store(listed + count, 2 * at * KEYS + partial.to(tl.int32), mask=~gone)
            count += (~gone).to(tl.int32)
    else:
        first_key = tl.load(nodes + 4 * first) + tl.load(nodes + 4 * first + 3)
        after = end - tl.load(nodes + 4 * last + 2) + tl.load(nodes + 4 * last + 3)
        count = tl.cdiv(after - first_key, KEYS)
    tl.store(counts + 2 * tile + 1, count)


@triton.jit(do_not_specialize=["first_node", "length", "last_key", "most"])
def _attend(
    query, key, value, shared_key, shared_value, out,
    row_nodes, key_nodes, nodes, lost_rows, lost_hard, lost_columns, bounds, counts, lists,
    first_node, length, last_key, most, scale,
    q_row, q_head, k_row, k_head, v_row, v_head,
    sk_head, sk_row, sv_head, sv_row, o_row, o_head,
    GROUPS: tl.constexpr, E: tl.constexpr, ROWS: tl.constexpr, KEYS: tl.constexpr,
):  # fmt: skip
    tile, head = tl.program_id(0), tl.program_id(1)
    kv_head = head // GROUPS
    begin, end = tl.load(bounds + 2 * tile), tl.load(bounds + 2 * tile + 1)
    dims = tl.arange(0, E)
    rows = begin + tl.arange(0, ROWS)
    here = rows < end
    q = tl.load(
        query + rows[:, None].to(tl.int64) * q_row + head * q_head + dims[None], mask=here[:, None], other=0.0
    )
    node = tl.load(row_nodes + rows, mask=here, other=first_node) - first_node
    start = tl.load(nodes + 4 * node)
    position = rows - tl.load(nodes + 4 * node + 2)
    bits_at = tl.load(nodes + 4 * node + 1) * length + position
    bits = tl.load(lost_rows + bits_at, mask=here, other=0)
    hard = tl.load(lost_hard + bits_at, mask=here, other=0)
    first = tl.load(row_nodes + begin) - first_node
    alone = first == tl.load(row_nodes + end - 1) - first_node
    # Of the first node: what its keys' positions are apart from their places, and its first key.
    key_at = tl.load(nodes + 4 * first + 3)
    own = tl.load(nodes + 4 * first)
    listed = lists + tile.to(tl.int64) * 2 * most

    top = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    mixed = tl.zeros([ROWS, E], tl.float32)
    for at in range(tl.load(counts + 2 * tile)):
        task = tl.load(listed + at)
        columns = task // 2 + tl.arange(0, KEYS)
        inside = columns < length
        k = tl.load(
            shared_key + kv_head * sk_head + columns[None].to(tl.int64) * sk_row + dims[:, None],
            mask=inside[None], other=0.0,
        )  # fmt: skip
        scores = tl.dot(q, k) * scale
        if task % 2 == 1:
            carried = tl.load(lost_columns + columns, mask=inside, other=0)
            reads = (columns[None] < start[:, None]) & ((bits[:, None] & carried[None]) == 0)
            scores = tl.where(reads, scores, float("-inf"))
        v = tl.load(
            shared_value + kv_head * sv_head + columns[:, None].to(tl.int64) * sv_row + dims[None],
            mask=inside[:, None], other=0.0,
        )  # fmt: skip
        top, total, mixed = _add(top, total, mixed, scores, v)
    for at in range(tl.load(counts + 2 * tile + 1)):
        task = tl.load(listed + most + at, mask=alone, other=0)
        keys = tl.where(alone, task // 2, own + at * KEYS) + key_at + tl.arange(0, KEYS)
        inside = (keys >= own + key_at) & (keys < last_key)
        k = tl.load(
            key + kv_head * k_head + keys[None].to(tl.int64) * k_row + dims[:, None],
            mask=inside[None], other=0.0,
        )  # fmt: skip
        scores = tl.dot(q, k) * scale
        if (task % 2 == 1) | ~alone:
            owner = tl.load(key_nodes + keys, mask=inside, other=first_node - 1) - first_node
            columns = keys - tl.load(nodes + 4 * owner + 3, mask=inside, other=0)
            carried = tl.load(lost_columns + columns, mask=inside, other=0)
            earlier = (columns[None] < position[:, None]) & ((bits[:, None] & carried[None]) == 0)
            itself = (columns[None] == position[:, None]) & ((hard[:, None] & carried[None]) == 0)
            scores = tl.where((owner[None] == node[:, None]) & (earlier | itself), scores, float("-inf"))
        v = tl.load(
            value + kv_head * v_head + keys[:, None].to(tl.int64) * v_row + dims[None],
            mask=inside[:, None], other=0.0,
        )  # fmt: skip
        top, total, mixed = _add(top, total, mixed, scores, v)
    tl.store(
        out + rows[:, None].to(tl.int64) * o_row + head * o_head + dims[None],
        (mixed / total[:, None]).to(q.dtype), mask=here[:, None],
    )  # fmt: skip


@triton.jit
def _add(top, total, mixed, scores, v):
    """The running softmax with one more tile; scores in powers of 2."""
    higher = tl.maximum(top, tl.max(scores, 1))
    # A row that has read nothing yet has no top.
    base = tl.where(higher == float("-inf"), 0.0, higher)
    weights = tl.exp2(scores - base[:, None])
    shrink = tl.exp2(top - base)
    total = total * shrink + tl.sum(weights, 1)
    mixed = tl.dot(weights.to(v.dtype), v, mixed * shrink[:, None])
    return higher, total, mixed
