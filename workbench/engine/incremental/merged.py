"""Attention of many short nodes in few calls, on a CPU: one over untouched keys, one a set of nodes over new.

Cut into pieces (`pieces`) each node is computed without a mask, and nothing that a cut closes is computed.
Where nodes are short the calls themselves cost more than that saves. So here all of them share one call over
the untouched keys, and nodes of as many rows share one over their own; what is cut is closed by a mask. Both
results are joined once.

Axes: N packed rows, H query heads, K key/value heads, e head dim, B nodes, r rows a node, s new keys a node.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from workbench.engine.incremental.plan import Flows, Segment
from workbench.engine.kernels import attend_biased
from workbench.shapes import Float, shaped

MOST_ROWS = 128
"""Nodes of more rows than this are worth calls of their own."""
_MOST_CLOSED = 2**18
"""Scores, over all heads, that a segment may compute for nothing: some 0.5 ms, as its pieces would take."""


class _Seen(NamedTuple):
    """What the rows of one kind of node see, as biases: 0 or -inf; None where all is open."""

    shared: Tensor | None
    """(r, keys before `start`)."""
    own: Tensor | None
    """(r, s), where it is not causal."""
    blind: tuple[np.ndarray, np.ndarray]
    """Rows (r,) that see no untouched key, and those that see no new one. Their biases are open all the same:
    a softmax needs a key."""
    closed: int
    """Untouched keys that its rows do not see."""


class Merger:
    """Runs segments of short nodes together. What it works out about cuts serves every pass."""

    def __init__(self, flows: Sequence[Flows], n_heads: int) -> None:
        self._flows, self._n_heads = flows, n_heads
        self._seen: dict[tuple[int, int, int, int], _Seen | None] = {}

    def takes(self, segment: Segment) -> bool:
        """Whether the nodes of a segment are short, see the same in all heads and are not mostly cut."""
        if segment.start == 0 or segment.length - segment.first > MOST_ROWS:
            return False
        key = (segment.prompt, segment.kind, segment.start, segment.first)
        if key not in self._seen:
            self._seen[key] = self._see(segment)
        seen = self._seen[key]
        return seen is not None and segment.nodes * seen.closed * self._n_heads <= _MOST_CLOSED

    @shaped
    def attend(
        self,
        segments: Sequence[Segment],
        query: Float[Tensor, "N H e"],
        own: tuple[Tensor, Tensor],
        shared: tuple[Tensor, Tensor],
        scale: float,
        out: Float[Tensor, "N H e"],
    ) -> None:
        """Attention of the rows of segments of one prompt over their new keys `own`, both (n, K, e), and the
        untouched ones `shared`, both (1, K, length, e), into `out`."""
        lse = query.new_empty(query.shape[:2], dtype=torch.float32)
        done = known = 0
        for (start, first), alike in groupby(segments, key=lambda segment: (segment.start, segment.first)):
            group = list(alike)
            nodes, length = sum(segment.nodes for segment in group), group[0].length
            rows = slice(done, done := done + nodes * (length - first))
            keys = slice(known, known := known + nodes * (length - start))
            found = attend_biased(
                *(by_node(part, nodes) for part in (query[rows], own[0][keys], own[1][keys])),
                scale=scale,
                causal=(bias := self._own(group, query)) is None and start == first,
                bias=bias,
            )
            by_node(out[rows], nodes).copy_(found.out)
            by_node(lse[rows], nodes).copy_(found.lse)
        most = max(segment.start for segment in segments)
        key, value = (part[:, :, :most] for part in shared)
        bias = self._shared(segments, query, most)
        found = attend_biased(query.transpose(0, 1)[None], key, value, scale=scale, bias=bias)
        other = found.lse[0].T
        for part, rows in zip((other, lse), self._blind(segments), strict=True):
            if rows is not None:
                part[rows] = -torch.inf
        out.lerp_(found.out[0].transpose(0, 1), torch.sigmoid(other - lse)[..., None].to(out.dtype))

    def _see(self, segment: Segment) -> _Seen | None:
        """None where heads differ, or where a row sees nothing at all."""
        flows = self._flows[segment.prompt]
        cuts, first, rows = flows.cuts[segment.kind], segment.first, segment.length - segment.first
        sees: np.ndarray = np.tri(rows, segment.length, first, dtype=bool)
        for flow in cuts:
            if flow.heads is not None:
                return None
            sees &= ~flows.edges(flow).dense()[first:]
        if not sees.any(1).all():
            return None
        shared, own = sees[:, : segment.start], sees[:, segment.start :]
        blind = np.logical_not(np.any(shared, 1)), np.logical_not(np.any(own, 1))
        causal = np.tri(rows, own.shape[1], first - segment.start, dtype=bool)
        plain = np.array_equal(own, causal) and (first == segment.start or rows == 1)
        return _Seen(
            None if shared.all() else bias_of(shared | blind[0][:, None]),
            None if plain else bias_of(own | blind[1][:, None]),
            blind,
            int((~shared).sum()),
        )

    def _of(self, segment: Segment) -> _Seen:
        """What the rows of a segment see that `takes` said yes to."""
        seen = self._seen[segment.prompt, segment.kind, segment.start, segment.first]
        assert seen is not None
        return seen

    def _own(self, group: Sequence[Segment], like: Tensor) -> Tensor | None:
        """The bias (B, 1, r, s) over the new keys of nodes with as many rows; None where all are causal."""
        if all(self._of(segment).own is None for segment in group):
            return None
        start, first, length = group[0].start, group[0].first, group[0].length
        causal = bias_of(np.tri(length - first, length - start, first - start, dtype=bool))
        biases = [self._of(segment).own for segment in group]
        parts = [
            (causal if bias is None else bias).expand(segment.nodes, 1, -1, -1)
            for segment, bias in zip(group, biases, strict=True)
        ]
        return torch.cat(parts).to(like)

    def _shared(self, segments: Sequence[Segment], like: Tensor, most: int) -> Tensor | None:
        """The bias (1, 1, N, most) over the first `most` untouched keys; None where all are open."""
        if all(segment.start == most and self._of(segment).shared is None for segment in segments):
            return None
        bias = like.new_empty(len(like), most)
        done = 0
        for segment in segments:
            rows = segment.nodes * (segment.length - segment.first)
            part = bias[done : done + rows].unflatten(0, (segment.nodes, -1))
            shared = self._of(segment).shared
            part[:, :, : segment.start] = 0 if shared is None else shared
            part[:, :, segment.start :] = -torch.inf
            done += rows
        return bias[None, None]

    def _blind(self, segments: Sequence[Segment]) -> list[Tensor | None]:
        """Packed rows that see no untouched key, and those that see no new one, bool (N,); None for none."""
        found: list[Tensor | None] = []
        for which in range(2):
            if not any(self._of(segment).blind[which].any() for segment in segments):
                found.append(None)
                continue
            blind = [np.tile(self._of(segment).blind[which], segment.nodes) for segment in segments]
            found.append(torch.from_numpy(np.concatenate(blind)))
        return found


def by_node(rows: Tensor, nodes: int) -> Tensor:
    """(B * r, heads, ..) -> (B, heads, r, ..), a view."""
    return rows.unflatten(0, (nodes, -1)).transpose(1, 2)


def bias_of(sees: np.ndarray) -> Tensor:
    """0 where True, -inf elsewhere."""
    return torch.from_numpy(np.where(sees, np.float32(0), np.float32(-np.inf)))
