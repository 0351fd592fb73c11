"""Attention of long nodes on a CPU, each row's in one call: untouched keys are put before a node's own.

Where few keys are untouched this takes less time than two results that are joined (`pieces`). Rows that lose
the same keys are computed together, over what any of them sees; stretches of as many rows and keys, such as
frames, are one batch.

Axes: B nodes side by side, H query heads, K key/value heads, e head dim, r rows, s new keys a node, G
stretches of as many rows and keys, c keys that a stretch sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.engine.incremental.merged import bias_of
from workbench.engine.incremental.pieces import classes
from workbench.engine.incremental.plan import Flows, Segment
from workbench.engine.kernels import attend_biased
from workbench.interventions import Edges
from workbench.shapes import Float, shaped

_MOST_KEYS = 4
"""Keys of all stretches together are at most so many times those of the prompt: they are copied."""


class _Stretches(NamedTuple):
    """Stretches of as many rows and keys."""

    rows: Tensor
    """(G * r,), counted from the first row that asks."""
    columns: Tensor
    """(G * c,), counted from the first row of the prompt."""
    bias: Tensor
    """(G, 1, r, c): 0 or -inf."""


class Joiner:
    """Runs segments of long nodes. What it works out about cuts serves every pass."""

    def __init__(self, flows: Sequence[Flows]) -> None:
        self._flows = flows
        self._stretches: dict[tuple[int, int, int, int], list[_Stretches] | None] = {}

    def takes(self, segment: Segment) -> bool:
        """Whether few keys of a segment are untouched, and its rows are cut in few stretches."""
        if segment.start > segment.length - segment.start:
            return False
        key = (segment.prompt, segment.kind, segment.start, segment.first)
        if key not in self._stretches:
            self._stretches[key] = self._of(segment)
        return self._stretches[key] is not None

    @shaped
    def attend(
        self,
        segment: Segment,
        query: Float[Tensor, "B H r e"],
        own: tuple[Tensor, Tensor],
        shared: tuple[Tensor, Tensor],
        scale: float,
        out: Float[Tensor, "B H r e"],
    ) -> None:
        """Attention of a segment over its new keys `own`, both (B, K, s, e), and the untouched ones `shared`,
        both (1, K, length, e), into `out`."""
        nodes = segment.nodes
        key, value = (
            torch.cat([before[:, :, : segment.start].expand(nodes, -1, -1, -1), new], dim=2)
            for before, new in zip(shared, own, strict=True)
        )
        stretches = self._stretches[segment.prompt, segment.kind, segment.start, segment.first]
        assert stretches is not None
        for rows, columns, bias in stretches:
            many = len(bias)
            if many == 1 and len(rows) == query.shape[2] and len(columns) == key.shape[2]:
                found = attend_biased(query, key, value, scale=scale, bias=bias.to(query))
                out.copy_(found.out)
                continue
            found = attend_biased(
                *(_chosen(part, at, many) for part, at in ((query, rows), (key, columns), (value, columns))),
                scale=scale,
                bias=bias.repeat(nodes, 1, 1, 1).to(query),
            )
            out[:, :, rows] = found.out.unflatten(0, (nodes, many)).transpose(1, 2).flatten(2, 3)

    def _of(self, segment: Segment) -> list[_Stretches] | None:
        """None where heads differ, edges have no shape, or a row sees nothing at all."""
        flows, first, length = self._flows[segment.prompt], segment.first, segment.length
        cuts = flows.cuts[segment.kind]
        edges = [edges for flow in cuts if isinstance(edges := flows.edges(flow), Edges)]
        if len(edges) < len(cuts) or any(flow.heads is not None for flow in cuts):
            return None
        sees: np.ndarray = np.tri(length - first, length, first, dtype=bool)
        for cut in edges:
            sees &= ~cut.dense()[first:]
        if not sees.any(1).all():
            return None
        alike: dict[tuple[int, int], list[tuple[np.ndarray, np.ndarray]]] = {}
        keys = 0
        for some, _ in classes(edges, first, length):
            for run in np.split(some - first, np.flatnonzero(np.diff(some) != 1) + 1):
                columns = np.flatnonzero(sees[run].any(0))
                keys += len(columns)
                alike.setdefault((len(run), len(columns)), []).append((run, columns))
        if keys > _MOST_KEYS * length:
            return None
        return [
            _Stretches(
                torch.from_numpy(np.concatenate([run for run, _ in group])),
                torch.from_numpy(np.concatenate([columns for _, columns in group])),
                torch.stack([bias_of(sees[np.ix_(run, columns)])[None] for run, columns in group]),
            )
            for group in alike.values()
        ]


def _chosen(rows: Tensor, at: Tensor, many: int) -> Tensor:
    """Of rows (B, heads, n, e) those `at` (G * r,), each stretch a batch of its own: (B * G, heads, r, e)."""
    return rows.index_select(2, at).unflatten(2, (many, -1)).transpose(1, 2).flatten(0, 1)
