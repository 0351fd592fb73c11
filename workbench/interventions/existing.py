"""Edges that are there to be cut: a model's own mask may have closed some, or all, of a flow's.

Axes: q query row, k key column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.interventions.protocol import Removal
from workbench.shapes import Bool

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout


class Existing:
    """How much of what is cut exists, on one prompt. Layers with the same cut and mask are counted once."""

    def __init__(self, layout: TokenLayout, own: Sequence[Bool[np.ndarray, "q k"] | None]) -> None:
        """`own`: each layer's own mask, True where an edge is open; None where it is causal and no more.
        Empty where all are."""
        self._layout, self._own = layout, own
        self._counted: dict[tuple[tuple[Removal, ...], int], tuple[int, int]] = {}

    def percent(self, cut: Mapping[int, tuple[Removal, ...]]) -> float:
        """Of the edges that these layers (from 0) lose, how many the model has there; 100 for no layer."""
        edges, existing = 0, 0
        for layer, removals in cut.items():
            all_, open_ = self._count(removals, self._own[layer] if self._own else None)
            edges, existing = edges + all_, existing + open_
        return 100 * existing / edges if edges else 100.0

    def _count(self, removals: tuple[Removal, ...], mask: np.ndarray | None) -> tuple[int, int]:
        key = removals, id(mask)
        if key not in self._counted:
            lost = np.logical_or.reduce([removal.edges(self._layout).dense() for removal in removals])
            all_ = int(lost.sum())
            self._counted[key] = all_, all_ if mask is None else int((lost & mask).sum())
        return self._counted[key]
