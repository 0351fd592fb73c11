"""Keep-masks: what is left of attention after one or more flows are cut in a layer.

Axes: h query head (1 where all heads share the mask), q query row, k key column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import KnockoutError
from workbench.interventions.edges import Edges, ScatteredEdges, rows_alike
from workbench.interventions.protocol import Removal
from workbench.shapes import Bool, Int, shaped

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout


def check_flows(flows: Sequence[Removal], layout: TokenLayout, n_heads: int) -> None:
    """Checks flows that are cut together in one layer, without making a dense mask.

    Raises KnockoutError for a head that the model lacks, for a flow that removes nothing, and for a row that
    would be left without any key (softmax over nothing is a uniform or NaN row in one kernel or another).
    """
    for flow in flows:
        if flow.heads is not None and flow.heads[-1] >= n_heads:
            raise KnockoutError(
                f"{str(flow)!r} names head {flow.heads[-1]}, and this model has {n_heads} query heads "
                f"(0..{n_heads - 1})."
            )
    edges = [flow.edges(layout) for flow in flows]
    for cuts, names in _by_head(flows, edges):
        lost = _lost(cuts, layout.length)
        for row in np.flatnonzero(lost > np.arange(layout.length)):
            raise KnockoutError(_starved(int(row), names, layout))


@shaped
def keep_mask(flows: Sequence[Removal], layout: TokenLayout, n_heads: int) -> Bool[np.ndarray, "h q k"]:
    """The edges that stay when all `flows` are cut in one layer: True = keep.

    h is 1 where all heads share the mask, else n_heads. Keys after their query are True: the mask is meant to
    be ANDed with the model's own. Raises as `check_flows`.
    """
    check_flows(flows, layout, n_heads)
    per_head = any(flow.heads is not None for flow in flows)
    keep = np.ones((n_heads if per_head else 1, layout.length, layout.length), dtype=bool)
    for flow in flows:
        kept = ~flow.edges(layout).dense()
        for head in range(len(keep)) if flow.heads is None else flow.heads:
            keep[head] &= kept
    return keep


def _lost(cuts: Sequence[Edges | ScatteredEdges], length: int) -> Int[np.ndarray, " q"]:
    """How many keys each row loses, one that two cuts take counted once."""
    blocks = [cut for cut in cuts if isinstance(cut, Edges)]
    if len(blocks) == len(cuts):
        lost = np.zeros(length, dtype=np.int64)
        for rows, columns, own in rows_alike(blocks, length):
            lost[rows] = np.searchsorted(columns, rows, side="left") + np.isin(rows, own)
        return lost
    lost = np.sum([cut.per_row() for cut in cuts], axis=0)
    for row in np.flatnonzero(lost > np.arange(length)):  # the sum may count a key twice
        lost[row] = np.unique(np.concatenate([cut.keys_lost(int(row)) for cut in cuts])).size
    return lost


def _by_head(
    flows: Sequence[Removal], edges: Sequence[Edges | ScatteredEdges]
) -> Iterator[tuple[list[Edges | ScatteredEdges], str]]:
    """The cuts that act together in one head, with their names: each named head, then any other head."""
    named = sorted({head for flow in flows for head in flow.heads or ()})
    for head in (*named, None):
        acting = [flow.heads is None or head in flow.heads for flow in flows]
        cuts = [cut for cut, acts in zip(edges, acting, strict=True) if acts]
        if cuts:
            yield (
                cuts,
                " and ".join(repr(str(flow)) for flow, acts in zip(flows, acting, strict=True) if acts),
            )


def _starved(row: int, names: str, layout: TokenLayout) -> str:
    token = f" (token {layout.tokens[row]!r})" if layout.tokens else ""
    return (
        f"Cutting {names} leaves row {row}{token} without any key to attend to. Let rows keep their own key "
        "(leave out '(self too)'), or cut fewer keys."
    )
