"""Attention edges that a cut removes: rectangles of rows and columns, or any set of pairs.

Axes: q query row, k key column, both of the whole prompt and from 0; r some rows, c some columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from workbench.shapes import Bool, Int, shaped


class Rectangle(NamedTuple):
    """Every query of `rows` loses every key of `columns` that it could see. Both sorted."""

    rows: Int[np.ndarray, " r"]
    columns: Int[np.ndarray, " c"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edges:
    """The attention edges that one flow removes from one prompt.

    Only edges of a causal model count: a key after its query is never part of the cut. A row is in at most
    one rectangle, so no edge is counted twice. An engine can use the shape: no row before `first_row`
    changes, and the rectangles of a cut between frames are blocks.
    """

    is_blocks: ClassVar[bool] = True
    """The rectangles say everything. False for `ScatteredEdges`, which has none."""

    length: int
    """Rows in the prompt, n."""
    rectangles: tuple[Rectangle, ...]
    keep_self: bool
    """Every row keeps its own key, also where it is in both parts of a rectangle."""

    def __post_init__(self) -> None:
        rows = [rectangle.rows for rectangle in self.rectangles]
        joined = np.concatenate(rows) if rows else np.empty(0, np.int64)
        assert np.unique(joined).size == joined.size, "a row may be in one rectangle only"

    @property
    @shaped
    def rows(self) -> Int[np.ndarray, " r"]:
        """Sorted rows that lose at least one key."""
        return np.flatnonzero(self.per_row())

    @property
    def first_row(self) -> int:
        """First row that loses a key: no row before it changes. `length` where nothing is cut."""
        rows = self.rows
        return int(rows[0]) if rows.size else self.length

    @shaped
    def per_row(self) -> Int[np.ndarray, " q"]:
        """How many keys each row loses."""
        lost = np.zeros(self.length, dtype=np.int64)
        # Columns are sorted: the keys before a row (or up to it) are counted by a binary search.
        side = "left" if self.keep_self else "right"
        for rows, columns in self.rectangles:
            lost[rows] = np.searchsorted(columns, rows, side=side)
        return lost

    def count(self) -> int:
        """Number of (query, key) pairs removed, the diagonal counted, for one head."""
        return int(self.per_row().sum())

    @shaped
    def keys_lost(self, row: int) -> Int[np.ndarray, " c"]:
        """Sorted keys that `row` loses."""
        for rows, columns in self.rectangles:
            if row in rows:
                return columns[columns < row] if self.keep_self else columns[columns <= row]
        return np.empty(0, dtype=np.int64)

    @shaped
    def dense(self) -> Bool[np.ndarray, "q k"]:
        """The cut, True where an edge is removed."""
        cut = np.zeros((self.length, self.length), dtype=bool)
        for rows, columns in self.rectangles:
            cut[np.ix_(rows, columns)] = True
        return np.tril(cut, k=-1 if self.keep_self else 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScatteredEdges:
    """Attention edges without a shape, as a random draw gives them. The same questions as to `Edges`."""

    is_blocks: ClassVar[bool] = False
    rectangles: ClassVar[None] = None
    """None: code that reads rectangles without asking `is_blocks` fails, and never cuts nothing silently."""

    length: int
    """Rows in the prompt, n."""
    keys: Int[np.ndarray, " c"]
    """The removed keys, row after row and sorted in each."""
    starts: Int[np.ndarray, " q+1"]
    """Where the keys of each row begin in `keys`, and the end."""

    def __post_init__(self) -> None:
        assert self.starts.shape == (self.length + 1,)
        assert self.starts[0] == 0
        assert self.starts[-1] == self.keys.size

    @property
    @shaped
    def rows(self) -> Int[np.ndarray, " r"]:
        """Sorted rows that lose at least one key."""
        return np.flatnonzero(self.per_row())

    @property
    def first_row(self) -> int:
        """First row that loses a key: no row before it changes. `length` where nothing is cut."""
        rows = self.rows
        return int(rows[0]) if rows.size else self.length

    @shaped
    def per_row(self) -> Int[np.ndarray, " q"]:
        """How many keys each row loses."""
        return np.diff(self.starts)

    def count(self) -> int:
        """Number of (query, key) pairs removed, for one head."""
        return int(self.keys.size)

    @shaped
    def keys_lost(self, row: int) -> Int[np.ndarray, " c"]:
        """Sorted keys that `row` loses."""
        return self.keys[self.starts[row] : self.starts[row + 1]]

    @shaped
    def dense(self) -> Bool[np.ndarray, "q k"]:
        """The cut, True where an edge is removed."""
        cut = np.zeros((self.length, self.length), dtype=bool)
        cut[np.repeat(np.arange(self.length), self.per_row()), self.keys] = True
        return cut


class Alike(NamedTuple):
    """Rows that lose the same keys, up to the causal limit. All sorted."""

    rows: Int[np.ndarray, " r"]
    columns: Int[np.ndarray, " c"]
    """Keys that they lose where these lie before them."""
    own: Int[np.ndarray, " o"]
    """Those of them that a row loses also where it is the row itself."""


def rows_alike(cuts: Sequence[Edges], length: int) -> Iterator[Alike]:
    """All rows of a prompt, by what the cuts together take from them: each row once, without any mask."""
    # (cut, row): the rectangle of that cut that holds the row, from 1; 0 for none.
    place = np.zeros((len(cuts), length), dtype=np.int64)
    for number, cut in enumerate(cuts):
        for label, rectangle in enumerate(cut.rectangles, start=1):
            place[number, rectangle.rows] = label
    kinds, kind_of = np.unique(place, axis=1, return_inverse=True)
    kind_of = kind_of.reshape(-1)
    none = np.empty(0, np.int64)
    for kind, labels in enumerate(kinds.T):
        held = [(cut, cut.rectangles[label - 1]) for cut, label in zip(cuts, labels, strict=True) if label]
        lost = [rectangle.columns for _, rectangle in held]
        own = [rectangle.columns for cut, rectangle in held if not cut.keep_self]
        yield Alike(
            np.flatnonzero(kind_of == kind),
            lost[0] if len(lost) == 1 else np.unique(np.concatenate([none, *lost])),
            own[0] if len(own) == 1 else np.unique(np.concatenate([none, *own])),
        )
