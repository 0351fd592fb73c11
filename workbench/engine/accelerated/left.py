"""The rows of a batch that are left in a layer, and a layer's arguments for these rows.

Axes: B prompt of a batch, s row of the padded batch, w row that is left (left-padded to one number), h head,
q query, k key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.engine.incremental.memory import to_device
from workbench.errors import InterventionError
from workbench.shapes import Bool, Float, Int


class Left:
    """Which rows are left. Made on the CPU, so that no device has to be waited for."""

    def __init__(
        self, own: Sequence[Int[np.ndarray, " n"]], lengths: Sequence[int], device: torch.device
    ) -> None:
        """`own`: of each prompt the rows that are left, ascending; `lengths`: all its rows."""
        self.own = tuple(own)
        self.padded_rows = max(lengths)
        width = max(rows.size for rows in own)
        pads = [self.padded_rows - length for length in lengths]
        # Padding stands before the rows, and points at row 0.
        self._index = np.stack(
            [np.pad(rows + pad, (width - rows.size, 0)) for rows, pad in zip(own, pads, strict=True)]
        )
        real = np.stack([np.arange(width) >= width - rows.size for rows in own])
        self.rows: Int[Tensor, "B w"] = to_device(self._index, device)
        self.real: Tensor | None = None if real.all() else to_device(real, device)
        """bool (B, w), False for padding; None where there is none."""
        self._within: tuple[Left, Tensor] | None = None  # made once: the same prompts often run again

    @classmethod
    def all(cls, lengths: Sequence[int], device: torch.device) -> Left:
        """Every row."""
        return cls([np.arange(length) for length in lengths], lengths, device)

    def of(self, values: Float[Tensor, "B w d"], fewer: Left) -> Float[Tensor, "B v d"]:
        """The rows of `values`, which stand for these rows, that are left in `fewer` too."""
        if fewer._within is None or fewer._within[0] is not self:
            fewer._within = self, self._places(fewer)
        index = fewer._within[1]
        if len(self.own) == 1:
            return values.index_select(1, index[0])
        return values.gather(1, index[..., None].expand(-1, -1, values.shape[2]))

    def _places(self, fewer: Left) -> Int[Tensor, "B v"]:
        width, narrow = self._index.shape[1], fewer._index.shape[1]
        places = np.zeros((len(self.own), narrow), np.int64)
        for place, (rows, kept) in enumerate(zip(self.own, fewer.own, strict=True)):
            places[place, narrow - kept.size :] = width - rows.size + np.searchsorted(rows, kept)
        return to_device(places, self.rows.device)

    def along(self, values: Tensor, axis: int) -> Tensor:
        """These rows of something that has all rows along `axis` (negative), after the axis of the batch."""
        batch = len(self.own)
        axis += values.ndim
        at = axis - 1
        if values.shape[at] not in (1, batch):
            raise InterventionError(
                f"Positions of shape {tuple(values.shape)} do not fit a batch of {batch}: rows cannot leave "
                "this model yet."
            )
        if batch == 1:
            return values.index_select(axis, self.rows[0])
        values = values.expand(*values.shape[:at], batch, *values.shape[at + 1 :])
        index = self.rows.reshape(*(1,) * at, batch, -1, *(1,) * (values.ndim - axis - 1))
        wanted = list(values.shape)
        wanted[axis] = self.rows.shape[1]
        return values.gather(axis, index.expand(wanted))

    def mask(self, mask: Any, *, reading: bool, asked: int, total: int) -> Tensor | None:
        """A layer's own mask (B, 1 or h, q, k) for these rows, which see no padding; None stays causal.

        Args:
            reading: the prompts are read; otherwise `asked` rows are written after them.
            total: rows of the batch so far, written ones included.
        """
        if mask is None and self.real is None:
            return None
        batch = len(self.own)
        if mask is not None and mask.shape[3] != total:
            mask = None  # made from the length of the first layer's cache, where rows have left already
        if mask is None:  # a batch without padding has none, and has some now
            asked = self.padded_rows if reading else asked
            mask = causal(asked, total, self.rows.device)
        mask = mask.expand(batch, -1, -1, -1)
        columns = self.rows
        real = torch.ones_like(columns, dtype=torch.bool) if self.real is None else self.real
        if reading:
            mask = mask.gather(2, columns[:, None, :, None].expand(-1, mask.shape[1], -1, mask.shape[3]))
        else:  # rows that were written follow the prompt's
            written = torch.arange(self.padded_rows, mask.shape[3], device=mask.device).expand(batch, -1)
            columns = torch.cat([columns, written], dim=1)
            real = torch.cat([real, real.new_ones(written.shape)], dim=1)
        mask = mask.gather(3, columns[:, None, None, :].expand(-1, mask.shape[1], mask.shape[2], -1))
        return closed(mask, ~real[:, None, None, :])


def causal(asked: int, keys: int, device: torch.device) -> Bool[Tensor, "1 1 q k"]:
    """What the last `asked` of so many rows see: all before them, and themselves."""
    return torch.ones(1, 1, asked, keys, dtype=torch.bool, device=device).tril(keys - asked)


def closed(mask: Tensor, shut: Bool[Tensor, "#B #h #q k"]) -> Tensor:
    """A mask, bool or additive, with these edges closed too."""
    return mask.masked_fill(shut, False if mask.dtype == torch.bool else torch.finfo(mask.dtype).min)
