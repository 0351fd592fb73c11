"""Attention inside frames, without a mask over all pairs: each frame over rows outside frames, and itself.

The same as `frames -> later frames` cut in the layer (ES, Fig. 2, VT-K).

Axes: H query heads, K key/value heads, s row, r row of a part, c key of a part, e head dim, F frames alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.bias import causal_lower_right

from workbench.shapes import Float, Int, shaped

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

_FEW = 8
"""Up to so many stretches of rows outside frames are computed one by one, in the causal kernel."""


class Part(NamedTuple):
    """Rows that see the same kind of keys, for one call of the kernel."""

    rows: Tensor
    """(F, r), or (1, r)."""
    keys: Tensor
    """(F, c): ascending, the rows' own among them."""
    open: Tensor | None
    """(r, c) bool, True where an edge is open; None: causal, aligned at the last row and key."""


def parts_of(layout: TokenLayout, rows: Int[np.ndarray, " s"], device: torch.device) -> list[Part]:
    """The attention of one prompt in which no frame sees an earlier one, in parts that cover every row once.

    `rows` are the rows of the prompt that are there; parts count them from 0.
    """
    here = [np.flatnonzero(np.isin(rows, frame)) for frame in layout.frames]
    frames = [frame for frame in here if frame.size]
    others = np.setdiff1d(np.arange(rows.size), np.concatenate([rows[:0], *frames]))
    parts = [*_outside(others), *_inside(frames, others)]

    def put(one: np.ndarray) -> Tensor:
        return torch.as_tensor(one, device=device)

    return [
        Part(put(asked), put(keys), None if open_ is None else put(open_)) for asked, keys, open_ in parts
    ]


def _outside(others: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Rows outside frames see every row up to their own."""
    if not others.size:
        return
    runs = np.split(others, np.flatnonzero(np.diff(others) > 1) + 1)
    if len(runs) <= _FEW:
        for run in runs:
            yield run[None], np.arange(run[-1] + 1)[None], None
        return
    keys = np.arange(others[-1] + 1)
    yield others[None], keys[None], keys[None, :] <= others[:, None]


def _inside(
    frames: list[np.ndarray], others: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Frames see rows outside frames, and themselves. Frames of one shape are one call."""
    alike: dict[tuple[int, int, bytes], list[tuple[np.ndarray, np.ndarray]]] = {}
    for rows in frames:
        keys = np.union1d(others[others < rows[-1]], rows)
        open_ = keys[None, :] <= rows[:, None]
        shape = (rows.size, keys.size, b"" if _is_causal(open_) else open_.tobytes())
        alike.setdefault(shape, []).append((rows, keys))
    for (r, c, pattern), same in alike.items():
        open_ = np.frombuffer(pattern, dtype=bool).reshape(r, c).copy() if pattern else None
        yield np.stack([rows for rows, _ in same]), np.stack([keys for _, keys in same]), open_


def _is_causal(open_: np.ndarray) -> bool:
    rows, keys = open_.shape
    return np.array_equal(open_, np.tri(rows, keys, keys - rows, dtype=bool))


@shaped
def attend_in_frames(
    query: Float[Tensor, "H s e"],
    key: Float[Tensor, "K s e"],
    value: Float[Tensor, "K s e"],
    parts: list[Part],
    scale: float,
) -> Float[Tensor, "s H e"]:
    """Softmax attention of one prompt in its parts."""
    out = query.new_empty(query.shape[1], query.shape[0], query.shape[2])
    groups = query.shape[0] != key.shape[0]
    for rows, keys, open_ in parts:
        asked = query[:, rows].transpose(0, 1)  # (F, H, r, e)
        shown, values = key[:, keys].transpose(0, 1), value[:, keys].transpose(0, 1)
        r, c = rows.shape[1], keys.shape[1]
        bias = open_ if open_ is not None else causal_lower_right(r, c) if r > 1 else None
        found = F.scaled_dot_product_attention(
            asked, shown, values, attn_mask=bias, scale=scale, enable_gqa=groups
        )
        out[rows] = found.transpose(1, 2)
    return out
