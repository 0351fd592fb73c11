"""Attention as disjoint pieces: after a cut, each row sees what is left, and nothing else is computed.

A softmax over keys can be done in parts whose results are joined exactly (`attend.join`). So the keys that
are left to a set of rows are split into pieces that a fused kernel runs without a mask: whole rectangles and
causal squares. Only where a cut leaves neither does a piece carry a mask.

Axes: q query row, k key column; both count the rows of the prompt from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from workbench.errors import KnockoutError
from workbench.interventions import Edges, ScatteredEdges
from workbench.shapes import Bool, Int, shaped

Rows = Int[np.ndarray, " n"]
"""Sorted rows."""

MOST_RUNS = 8
"""A set of rows in more stretches than this shares one piece with a mask rather than two pieces a stretch."""


class Piece(NamedTuple):
    """Some rows and some keys, all of which these rows may see but for `shape`. Indices count from 0."""

    rows: Rows
    columns: Rows
    shape: Literal["full", "causal", "self", "masked"]
    """"full": every key. "causal": as many keys as rows, row i sees keys 0..i. "self": as many keys as rows,
    row i sees key i. "masked": what the mask says."""
    own: bool
    """Keys are among the rows that are computed anew; otherwise they are the untouched model's."""
    mask: Bool[np.ndarray, "q k"] | None = None
    """True = sees, at least one key a row."""
    fresh: bool = False
    """No earlier piece has any of these rows."""


@shaped
def pieces(
    edges: Sequence[Edges | ScatteredEdges],
    *,
    first: int,
    own: int,
    keep: Bool[np.ndarray, "q k"] | None,
    length: int,
) -> list[Piece]:
    """The attention of rows `first`.. after all `edges` are cut together, as disjoint pieces.

    Keys from row `own` on are computed anew (`own` <= `first`). `keep` is the model's own mask where
    it is more than causal. Raises KnockoutError where a row is left without a key that the model shows it.
    """
    assert own <= first < length
    blocks = [cut for cut in edges if isinstance(cut, Edges)]
    if keep is not None or len(blocks) < len(edges):
        found = list(_masked(edges, first, own, keep, length))
    else:
        found = _merged(
            [
                piece
                for rows, cuts in classes(blocks, first, length)
                for piece in _class(rows, cuts, own, length)
            ]
        )
    return _ordered(found, first, length)


@shaped
def apart(
    edges: Sequence[Edges | ScatteredEdges],
    *,
    first: int,
    keep: Bool[np.ndarray, "q k"] | None,
    length: int,
) -> list[Piece]:
    """As `pieces`, of rows that each stand for a forward of their own: of the keys that are computed anew a
    row sees its own alone, and before it those of the untouched model, whatever other rows lose."""
    mask = np.tri(length, dtype=bool)[first:]
    if keep is not None:
        mask &= keep[first:]
    for cut in edges:
        mask &= ~cut.dense()[first:]
    rows = np.arange(first, length)
    own = mask[:, first:].diagonal().copy()
    mask[np.arange(len(rows)), rows] = False
    found = [
        *_with_mask(rows, np.arange(first), mask[:, :first], own=False),
        *_with_mask(rows, rows, mask[:, first:], own=False),
    ]
    if own.any():
        found.append(Piece(rows[own], rows[own], "self", own=True))
    return _ordered(found, first, length)


def _ordered(found: Sequence[Piece], first: int, length: int) -> list[Piece]:
    """Raises KnockoutError where one of the rows `first`.. has no piece."""
    seen = np.zeros(length, dtype=bool)
    ordered = []
    # Pieces that cover the most rows first: their output is written, later ones are joined to it.
    for piece in sorted(found, key=lambda piece: -piece.rows.size):
        ordered.append(piece._replace(fresh=not bool(seen[piece.rows].any())))
        seen[piece.rows] = True
    starved = np.flatnonzero(~seen[first:]) + first
    if starved.size:
        raise KnockoutError(
            f"This cut leaves row {int(starved[0])} without any key that the model's own mask shows it. Cut "
            "fewer keys, or let rows keep their own (leave out '(self too)')."
        )
    return ordered


def classes(
    edges: Sequence[Edges], first: int, length: int
) -> Iterator[tuple[Rows, list[tuple[Rows, bool]]]]:
    """Rows that lose the same columns, with these columns and whether a row keeps its own key."""
    labels = np.zeros((length, max(len(edges), 1)), dtype=np.int64)
    for place, cut in enumerate(edges):
        for number, rectangle in enumerate(cut.rectangles, start=1):
            labels[rectangle.rows, place] = number
    kinds, which = np.unique(labels[first:], axis=0, return_inverse=True)
    which = which.reshape(-1)
    for number, kind in enumerate(kinds):
        lost = [
            (cut.rectangles[label - 1].columns, cut.keep_self)
            for cut, label in zip(edges, kind, strict=False)
            if label
        ]
        yield np.flatnonzero(which == number) + first, lost


def _class(rows: Rows, lost: list[tuple[Rows, bool]], own: int, length: int) -> Iterator[Piece]:
    """The pieces of rows that lose the same columns."""
    sees = np.ones(length, dtype=bool)
    for columns, _ in lost:
        sees[columns] = False
    # Columns that a cut closes, but to the row itself; unless another cut closes that too.
    kept = np.zeros(length, dtype=bool)
    for columns, keep_self in lost:
        if keep_self:
            kept[columns] = True
    for columns, keep_self in lost:
        if not keep_self:
            kept[columns] = False
    alone = rows[kept[rows]]
    if alone.size:
        yield Piece(alone, alone, "self", own=True)
    runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    for run in runs if len(runs) <= MOST_RUNS else [rows]:
        yield from _run(run, sees, own)


def _run(rows: Rows, sees: np.ndarray, own: int) -> Iterator[Piece]:
    """The pieces of some rows over the columns where `sees` holds, as far as they come before each row."""
    visible = np.flatnonzero(sees[: rows[-1] + 1])
    for columns, is_own in (
        (visible[visible < own], False),
        (visible[(visible >= own) & (visible < rows[0])], True),
    ):
        if columns.size:
            yield Piece(rows, columns, "full", own=is_own)
    within = visible[visible >= rows[0]]
    if not within.size:
        return
    if np.array_equal(within, rows) and rows[-1] - rows[0] + 1 == rows.size:
        yield Piece(rows, within, "causal", own=True)
        return
    yield from _with_mask(rows, within, within[None] <= rows[:, None], own=True)


def _with_mask(rows: Rows, columns: Rows, mask: np.ndarray, *, own: bool) -> Iterator[Piece]:
    """A piece with a mask, without the rows that see nothing and the columns that nobody sees."""
    some, any_column = mask.any(1), mask.any(0)
    if not some.any():
        return
    rows, columns, mask = rows[some], columns[any_column], mask[np.ix_(some, any_column)]
    if mask.all():
        yield Piece(rows, columns, "full", own)
    else:
        yield Piece(rows, columns, "masked", own, mask)


def _masked(
    edges: Sequence[Edges | ScatteredEdges], first: int, own: int, keep: np.ndarray | None, length: int
) -> Iterator[Piece]:
    """Pieces where a mask is needed everywhere, under a sliding window or random cuts: old and new keys."""
    mask = np.tri(length, dtype=bool)[first:]
    if keep is not None:
        mask &= keep[first:]
    for cut in edges:
        mask &= ~cut.dense()[first:]
    rows = np.arange(first, length)
    yield from _with_mask(rows, np.arange(own), mask[:, :own], own=False)
    yield from _with_mask(rows, np.arange(own, length), mask[:, own:], own=True)


def _merged(found: list[Piece]) -> list[Piece]:
    """Pieces over the same untouched keys, and rows that see only themselves, become one piece each."""
    groups: dict[object, list[Piece]] = {}
    for place, piece in enumerate(found):
        key: object = place
        if piece.shape == "self":
            key = "self"
        elif piece.shape == "full" and not piece.own:
            key = piece.columns.tobytes()
        groups.setdefault(key, []).append(piece)
    merged = []
    for group in groups.values():
        rows = np.sort(np.concatenate([piece.rows for piece in group]))
        columns = rows if group[0].shape == "self" else group[0].columns
        merged.append(group[0]._replace(rows=rows, columns=columns) if len(group) > 1 else group[0])
    return merged
