"""Attention of all packed rows of a prompt in one kernel launch, by the tiles that `tiles` lists.

In Triton, which comes with torch for CUDA; import it only where `available`. Scores and sums are in float32,
as in the kernels that it stands for.

Axes: N packed rows, M packed keys, s position, H query heads, K key/value heads, e head dim.
"""

from __future__ import annotations

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
    nodes: Int[Tensor, "n 3"],
    kinds: Int[Tensor, " n"],
    lost: tuple[Int[Tensor, "kind s"], Int[Tensor, "kind s"], Int[Tensor, " s"]],
    bounds: Int[Tensor, "T 2"],
    shared_tiles: tuple[Int[Tensor, " T+1"], Int[Tensor, " C"]],
    own_tiles: tuple[Int[Tensor, " T+1"], Int[Tensor, " D"]],
    scale: float,
) -> None:
    """Write the attention of the rows in these tiles into `out`.

    `lost` are the tables of `tiles.Lost`: of rows by kind, of those that lose their own key too, of columns.
    The keys of these nodes end before `last_key`. The rest is as in `tiles.Tiles`. Every head's numbers lie
    side by side.
    """
    key, value = own
    assert query.stride(-1) == key.stride(-1) == value.stride(-1) == out.stride(-1) == 1
    assert shared[0].stride(-1) == shared[1].stride(-1) == 1
    rows, hard, columns = lost
    _attend[(len(bounds), query.shape[1])](  # pyright: ignore[reportIndexIssue]
        query, key, value, *shared, out,
        row_nodes, key_nodes, nodes, kinds, rows, hard, columns,
        bounds, *shared_tiles, *own_tiles,
        first_node, last_key, rows.shape[1], scale * _LOG2_E,
        *query.stride()[:2], *key.stride()[:2], *value.stride()[:2],
        *shared[0].stride()[:2], *shared[1].stride()[:2], *out.stride()[:2],
        GROUPS=query.shape[1] // key.shape[1], E=query.shape[2], ROWS=ROWS, KEYS=KEYS,
        num_warps=4, num_stages=3,
    )  # fmt: skip


@triton.jit(do_not_specialize=["first_node", "last_key", "length"])
def _attend(
    query, key, value, shared_key, shared_value, out,
    row_nodes, key_nodes, nodes, kinds, lost_rows, lost_hard, lost_columns,
    bounds, shared_from, shared_tiles, own_from, own_tiles,
    first_node, last_key, length, scale,
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
    start = tl.load(nodes + 3 * node)
    position = rows - tl.load(nodes + 3 * node + 1)
    bits_at = tl.load(kinds + node) * length + position
    bits = tl.load(lost_rows + bits_at, mask=here, other=0)
    hard = tl.load(lost_hard + bits_at, mask=here, other=0)

    top = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    mixed = tl.zeros([ROWS, E], tl.float32)
    for at in range(tl.load(shared_from + tile), tl.load(shared_from + tile + 1)):
        task = tl.load(shared_tiles + at)
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
    for at in range(tl.load(own_from + tile), tl.load(own_from + tile + 1)):
        task = tl.load(own_tiles + at)
        keys = task // 2 + tl.arange(0, KEYS)
        inside = keys < last_key
        k = tl.load(
            key + kv_head * k_head + keys[None].to(tl.int64) * k_row + dims[:, None],
            mask=inside[None], other=0.0,
        )  # fmt: skip
        scores = tl.dot(q, k) * scale
        if task % 2 == 1:
            owner = tl.load(key_nodes + keys, mask=inside, other=first_node - 1) - first_node
            columns = keys - tl.load(nodes + 3 * owner + 2, mask=inside, other=0)
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
