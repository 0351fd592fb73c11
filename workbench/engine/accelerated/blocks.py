"""Attention in a layer that is cut, block by block: only pairs that are left are computed, and no mask over
all pairs is made.

Rows that lose the same keys are a block: a frame under `frames -> later frames` (ES, Fig. 2, VT-K), the
question under `video -> question`. Blocks of one shape are computed together.

Axes: H query heads, K key/value heads, s row, F blocks alike, r row of each, c key, e head dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.engine.incremental.memory import to_device
from workbench.engine.kernels import attend
from workbench.interventions.edges import Alike, Edges, rows_alike
from workbench.shapes import Bool, Float, Int, shaped

_FEW = 8
"""Up to so many stretches of a block's rows are computed one by one, without a mask."""
_LARGE = 2**22
"""Pairs of a block of which no pattern is made if it can be helped."""


class Rows:
    """Some rows of each of several blocks (F, r): a view where they lie together, else a copy."""

    def __init__(self, rows: Int[np.ndarray, "F r"], device: torch.device) -> None:
        self.shape = rows.shape
        flat = rows.reshape(-1)
        self._start = int(flat[0]) if flat.size and np.all(np.diff(flat) == 1) else None
        self._index = to_device(flat, device) if self._start is None else None

    def of(self, values: Float[Tensor, "n s e"]) -> Float[Tensor, "F n r e"]:
        """Their part of queries, keys or values of all rows."""
        if self._start is not None:
            found = values[:, self._start : self._start + self.shape[0] * self.shape[1]]
        else:
            found = values[:, self._index]
        return found.unflatten(1, self.shape).transpose(0, 1)

    def put(self, found: Float[Tensor, "F n r e"], out: Float[Tensor, "s n e"]) -> None:
        """Write what was computed of them to their places."""
        flat = found.transpose(1, 2).flatten(0, 1)
        if self._start is not None:
            out[self._start : self._start + flat.shape[0]] = flat
        else:
            out[self._index] = flat


class Block(NamedTuple):
    """Rows that are computed in one go."""

    rows: Int[np.ndarray, " r"]
    keys: Int[np.ndarray, " c"]
    open: Bool[np.ndarray, "r c"] | None
    """Which keys each row sees. None: all of them (where `causal` is False), or those up to its own, the
    last keys being the rows themselves (where it is True)."""
    causal: bool

    @property
    def shape(self) -> tuple[int, int, bool, bytes]:
        """Blocks of one shape can be computed together."""
        pattern = b"" if self.open is None else self.open.tobytes()
        return self.rows.size, self.keys.size, self.causal, pattern


class Part:
    """Blocks of one shape, computed together."""

    def __init__(self, blocks: Sequence[Block], device: torch.device) -> None:
        self.rows = Rows(np.stack([block.rows for block in blocks]), device)
        self.keys = Rows(np.stack([block.keys for block in blocks]), device)
        self.open = None if blocks[0].open is None else to_device(blocks[0].open, device)
        self.causal = blocks[0].causal

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scale: float, out: Tensor) -> None:
        """Attention of these rows, into `out` (s, H, e)."""
        asked, shown, values = self.rows.of(query), self.keys.of(key), self.keys.of(value)
        found = attend(asked, shown, values, scale=scale, causal=self.causal, mask=self.open)
        self.rows.put(found.out, out)


def parts_of(
    cuts: Sequence[Edges], length: int, rows: Int[np.ndarray, " s"], device: torch.device
) -> list[Part]:
    """The attention of one prompt of that length under these cuts, in parts that cover every row once.

    `rows` are the rows of the prompt that are there; parts count them from 0.
    """
    alike: dict[tuple[int, int, bool, bytes], list[Block]] = {}
    for same in rows_alike(cuts, length):
        here = Alike(*(np.flatnonzero(np.isin(rows, part)) for part in same))
        for block in _blocks(here) if here.rows.size else ():
            alike.setdefault(block.shape, []).append(block)
    together = []
    for blocks in alike.values():
        together += [[one] for one in _stretches(blocks[0])] if len(blocks) == 1 else [blocks]
    return [Part(blocks, device) for blocks in together]


def _blocks(same: Alike) -> list[Block]:
    rows, columns, own = same
    keys = np.arange(rows[-1] + 1)
    kept = ~np.isin(keys, columns)
    kept[rows[~np.isin(rows, own)]] = True  # a row keeps its own key, where the cut does
    keys = keys[kept]
    if np.isin(rows, columns).any():  # rows lose keys of their own block
        before, itself = keys < rows[:, None], keys == rows[:, None]
        open_ = (before & ~np.isin(keys, columns)) | (itself & ~np.isin(rows, own)[:, None])
        return [Block(rows, keys, None if open_.all() else open_, causal=False)]
    if np.array_equal(keys[-rows.size :], rows):
        return [Block(rows, keys, None, causal=True)]
    if rows.size * keys.size > _LARGE and (apart := _runs(rows, keys)):
        return apart
    return [Block(rows, keys, keys <= rows[:, None], causal=False)]


def _stretches(block: Block) -> list[Block]:
    """A block with rows of others in between as stretches, which need no mask, where these are few."""
    rows, keys, open_, _ = block
    plain = open_ is not None and np.array_equal(open_, keys <= rows[:, None]) and np.isin(rows, keys).all()
    if not plain:
        return [block]
    return _runs(rows, keys) or [block]


def _runs(rows: np.ndarray, keys: np.ndarray) -> list[Block]:
    """Stretches of rows that see all keys up to their own; none where they are many."""
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    if len(runs) > _FEW:
        return []
    return [Block(run, keys[: np.searchsorted(keys, run[-1]) + 1], None, causal=True) for run in runs]


@shaped
def attend_in_parts(
    query: Float[Tensor, "H s e"],
    key: Float[Tensor, "K s e"],
    value: Float[Tensor, "K s e"],
    parts: list[Part],
    scale: float,
) -> Float[Tensor, "s H e"]:
    """Softmax attention of one prompt in its parts."""
    out = query.new_empty(query.shape[1], query.shape[0], query.shape[2])
    for part in parts:
        part.attend(query, key, value, scale, out)
    return out
