"""Edge counts: how many (query, key) pairs attention may use, in all layers of one head.

Map the Flow, section 3.5 and Table 3. A causal model of L layers has L n(n+1)/2 edges on a prompt of n rows:
the diagonal and the rows before the video are counted. What a knockout leaves is counted three ways that must
agree: `edge_count` from the shapes of the cuts, without any mask; `edge_count_by_masks` from the masks that
run; and, for effective pathways, `pathway_edges` from the sizes of the spans, the formula of the paper.

The paper's numbers. LLaVA-NeXT-7B: 25.70M, 11.08M left, 43.1%; printed 10.8M, 42%. LLaVA-NeXT-13B: 32.1M,
11.8M, 36.7%; printed 32.2M, 14.3M and 37%, of which 14.3M is a misprint (14.3/32.2 would be 44%).
Mini-InternVL-4B: 74.6M, 29.7M, 39.8%; printed 74.6M, 29.6M, 40%. VideoLLaMA3-7B: 19.9M, 11.47M, 57.6%;
printed 19.9M, 11.4M, 58%. Means over samples, whose questions differ in length, explain what is left of a
difference.

Axes: q query row, k key column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.errors import KnockoutError
from workbench.interventions.catalogue import CROSS_FRAME, QUESTION_LAST, VIDEO_QUESTION
from workbench.interventions.edges import Edges, rows_alike
from workbench.interventions.knockouts import Knockout
from workbench.interventions.masks import keep_mask
from workbench.interventions.protocol import Removal
from workbench.shapes import Bool

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout


class EdgeCount(NamedTuple):
    """Edges of one prompt, over all layers of one head."""

    full: int
    """All that a causal model has."""
    kept: int
    """What a knockout leaves of them."""

    @property
    def removed(self) -> int:
        """What it closes."""
        return self.full - self.kept

    @property
    def percent(self) -> float:
        """Edges that are left, in percent of all."""
        return 100 * self.kept / self.full


def full_edges(n_layers: int, length: int) -> int:
    """All edges of a causal model: L n(n+1)/2."""
    return n_layers * length * (length + 1) // 2


def edge_count(
    layout: TokenLayout, n_layers: int, knockout: Knockout | None = None, *, n_heads: int | None = None
) -> EdgeCount:
    """The edges that a knockout leaves, from the shapes of its cuts: no (q, k) mask is made.

    An edge that two cuts close is counted once. With `n_heads`, the edges of so many query heads are counted
    together, so that cuts of single heads can be counted too; shares stay the same. Raises KnockoutError for
    such a cut without it, since the count is that of any head; and as `Knockout.check`.
    """
    full = full_edges(n_layers, layout.length) * (n_heads or 1)
    if knockout is None:
        return EdgeCount(full, full)
    return EdgeCount(full, full - sum(removed_by_layer(layout, n_layers, knockout, n_heads=n_heads)))


def removed_by_layer(
    layout: TokenLayout, n_layers: int, knockout: Knockout, *, n_heads: int | None = None
) -> list[int]:
    """The edges that each layer loses, counted as by `edge_count`. Raises as it does."""
    known: dict[tuple[Removal, ...], int] = {}

    def counted(together: tuple[Removal, ...]) -> int:
        if together not in known:
            known[together] = removed_edges(together, layout) if together else 0
        return known[together]

    removed = [0] * n_layers
    for layer, together in _by_layer(knockout, n_layers, n_heads).items():
        named = sorted({head for removal in together for head in removal.heads or ()})
        everywhere = tuple(removal for removal in together if removal.heads is None)
        removed[layer] = counted(everywhere) * ((n_heads or 1) - len(named)) + sum(
            counted(tuple(cut for cut in together if cut.heads is None or head in cut.heads))
            for head in named
        )
    return removed


def edge_count_by_masks(
    layout: TokenLayout, n_layers: int, knockout: Knockout | None = None, *, n_heads: int | None = None
) -> EdgeCount:
    """The same, counted in the dense masks that run. Raises as `edge_count`."""
    full = full_edges(n_layers, layout.length) * (n_heads or 1)
    if knockout is None:
        return EdgeCount(full, full)
    touched = _by_layer(knockout, n_layers, n_heads)
    kept = {}
    for together in set(touched.values()):
        mask = np.tril(keep_mask(together, layout, n_heads=n_heads or 1))
        kept[together] = int(mask.sum()) * ((n_heads or 1) // len(mask))  # one mask for all, or one a head
    untouched = full_edges(n_layers - len(touched), layout.length) * (n_heads or 1)
    return EdgeCount(full, untouched + sum(kept[together] for together in touched.values()))


def removed_edges(
    together: Sequence[Removal], layout: TokenLayout, here: Bool[np.ndarray, " n"] | None = None
) -> int:
    """The edges of one layer and head that are closed by these cuts together, each counted once.

    `here`: which rows there are, if not all; edges to and from others are not counted.
    """
    cuts = [removal.edges(layout) for removal in together]
    blocks = [cut for cut in cuts if isinstance(cut, Edges)]
    if len(blocks) == len(cuts):
        return _union(blocks, layout.length, here)
    if len(cuts) == 1 and here is None:
        return cuts[0].count()
    # A random set has no shape to reason with: look at the rows one by one.
    rows = range(layout.length) if here is None else np.flatnonzero(here)
    lost = (np.unique(np.concatenate([cut.keys_lost(int(row)) for cut in cuts])) for row in rows)
    return sum(keys.size if here is None else int(here[keys].sum()) for keys in lost)


def _union(cuts: Sequence[Edges], length: int, here: np.ndarray | None) -> int:
    """Edges in any of the cuts."""
    total = 0
    for rows, columns, own in rows_alike(cuts, length):
        if here is not None:
            rows, columns, own = (part[here[part]] for part in (rows, columns, own))
        total += int(np.searchsorted(columns, rows, side="left").sum()) + int(np.isin(rows, own).sum())
    return total


def _by_layer(
    knockout: Knockout, n_layers: int, n_heads: int | None = None
) -> dict[int, tuple[Removal, ...]]:
    for cut in knockout.cuts:
        if cut.flow.heads is None:
            continue
        if n_heads is None:
            raise KnockoutError(
                f"'{cut}' acts on some heads only, and edges are counted for one head that stands for all. "
                "Leave the heads out, or say how many there are: n_heads=."
            )
        if cut.flow.heads[-1] >= n_heads:
            raise KnockoutError(
                f"'{cut}' names head {cut.flow.heads[-1]}, and there are {n_heads} query heads "
                f"(0..{n_heads - 1})."
            )
    return knockout.layers(n_layers)


class Sizes(NamedTuple):
    """How many rows the spans of a prompt have: all that the paper's formula needs."""

    length: int
    """Rows of the prompt, n."""
    video: int
    """V, separators included."""
    frames: tuple[int, ...]
    """m of each frame."""
    question: int
    """Q, options included."""

    @classmethod
    def of(cls, layout: TokenLayout) -> Sizes:
        """The sizes of a prompt."""
        return cls(
            layout.length,
            layout["video"].size,
            tuple(frame.size for frame in layout.frames),
            layout["question"].size,
        )


def pathway_edges(sizes: Sizes, ranges: Mapping[str, tuple[int, int]], n_layers: int) -> EdgeCount:
    """The edges that Map the Flow's effective pathways leave, from sizes alone (section 3.5, Table 3).

    `ranges` has the layers (from 1, both included) of cross-frame, video -> question and question -> last; a
    flow without a range is closed in all layers. Per layer: cross-frame is the later frames' edges to earlier
    ones, video -> question VQ, question -> last Q, last -> last 1, video -> last V; after the last layer of
    video -> question V(V+1)/2 among video rows, after that of question -> last Q(Q+1)/2 among question rows.
    """
    n, video, frames, question = sizes
    among_video, among_question = _triangle(video), _triangle(question)
    # Rows of all frames against one another, without those of one frame: separators belong to no frame.
    cross = _triangle(sum(frames)) - sum(map(_triangle, frames))
    ends = {flow: ranges[flow][1] if flow in ranges else 0 for flow in (VIDEO_QUESTION, QUESTION_LAST)}
    removed = 0
    for layer in range(1, n_layers + 1):
        is_open = {flow: first <= layer <= last for flow, (first, last) in ranges.items()}
        if layer > ends[VIDEO_QUESTION]:
            removed += among_video
        elif not is_open.get(CROSS_FRAME, False):
            removed += cross
        if layer > ends[QUESTION_LAST]:
            removed += among_question
        removed += 0 if is_open.get(VIDEO_QUESTION, False) else video * question
        removed += 0 if is_open.get(QUESTION_LAST, False) else question
        removed += video + 1  # video -> last, last -> last: closed everywhere
    full = full_edges(n_layers, n)
    return EdgeCount(full, full - removed)


def _triangle(rows: int) -> int:
    return rows * (rows + 1) // 2
