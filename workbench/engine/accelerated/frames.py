"""Attention inside frames, without a mask over all pairs: each frame over rows outside frames, and itself.

The same as `frames -> later frames` cut in the layer (ES, Fig. 2, VT-K).

Axes: H query heads, K key/value heads, s row, F frames alike, r row of each, c key, e head dim.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from workbench.engine.incremental.memory import to_device
from workbench.engine.kernels import attend
from workbench.shapes import Bool, Float, Int, shaped

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

_FEW = 8
"""Up to so many stretches of rows outside frames are computed one by one, without a mask."""


class Rows:
    """Some rows of each of several frames (F, r): a view where they lie together, else a copy."""

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


class Part:
    """Rows that are computed in one go: each sees `keys` up to its own, or those that a mask opens."""

    def __init__(
        self,
        rows: Int[np.ndarray, "F r"],
        keys: Int[np.ndarray, "F c"],
        open_: Bool[np.ndarray, "r c"] | None,
        device: torch.device,
    ) -> None:
        """`keys` end in the rows themselves; `open_` where they do not."""
        self.rows, self.keys = Rows(rows, device), Rows(keys, device)
        self.open = None if open_ is None else to_device(open_, device)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scale: float, out: Tensor) -> None:
        """Attention of these rows, into `out` (s, H, e)."""
        asked, shown, values = self.rows.of(query), self.keys.of(key), self.keys.of(value)
        found = attend(asked, shown, values, scale=scale, causal=self.open is None, mask=self.open)
        self.rows.put(found.out, out)


def parts_of(layout: TokenLayout, rows: Int[np.ndarray, " s"], device: torch.device) -> list[Part]:
    """The attention of one prompt in which no frame sees an earlier one, in parts that cover every row once.

    `rows` are the rows of the prompt that are there; parts count them from 0.
    """
    frame_of = np.full(layout.length, -1)
    for number, frame in enumerate(layout.frames):
        frame_of[frame] = number
    here = frame_of[rows]
    framed, others = np.flatnonzero(here >= 0), np.flatnonzero(here < 0)
    # Frames follow one another, so that each is a stretch of the framed rows.
    frames = np.split(framed, np.flatnonzero(np.diff(here[framed])) + 1) if framed.size else []
    return [Part(*part, device) for part in (*_outside(others), *_inside(frames, others))]


_Found = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]


def _outside(others: np.ndarray) -> _Found:
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


def _inside(frames: list[np.ndarray], others: np.ndarray) -> _Found:
    """Frames see rows outside frames, and themselves. Frames of one shape are one part."""
    alike: dict[tuple[int, int, bytes], list[tuple[np.ndarray, np.ndarray]]] = {}
    for rows in frames:
        before, pattern = others[: np.searchsorted(others, rows[-1])], b""
        keys = np.concatenate([before, rows])
        if before.size and before[-1] > rows[0]:  # separators between the rows of a frame
            keys = np.sort(keys)
            pattern = (keys[None, :] <= rows[:, None]).tobytes()
        alike.setdefault((rows.size, keys.size, pattern), []).append((rows, keys))
    for (r, c, pattern), same in alike.items():
        open_ = np.frombuffer(pattern, dtype=bool).reshape(r, c).copy() if pattern else None
        yield np.stack([rows for rows, _ in same]), np.stack([keys for _, keys in same]), open_


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
    for part in parts:
        part.attend(query, key, value, scale, out)
    return out
