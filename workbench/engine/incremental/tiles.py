"""Packed attention as tiles of one kernel launch: which packed rows read which keys, with no mask in memory.

A cut says "these rows lose those columns". Every set of columns that some cut of a prompt takes away has a
bit: a column carries the bits of the sets that it is in, a row those that it has lost, and the row reads the
column where no bit is in both. A tile of rows, of one or of many knockouts, goes through tiles of keys: those
of the untouched model, which all rows share, and those that the rows' own knockouts made anew.

Axes: N packed rows, M packed keys, s position, T tiles of rows, c tiles of positions, n nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.engine.incremental.plan import Flows, Segment
from workbench.errors import KnockoutError
from workbench.interventions import Edges
from workbench.shapes import Int, shaped

ROWS, KEYS = 64, 64
"""Packed rows and keys of a tile."""
MOST_SETS = 62
"""Sets of columns that the bits of a row can name."""


class TooMany(Exception):
    """Cuts that bits cannot say: heads of their own, scattered edges, or too many sets of columns."""


class Tables(NamedTuple):
    """What the cuts of a prompt take from its rows, as bits."""

    rows: Int[np.ndarray, "kind s"]
    """Of each position as a row, by kind."""
    hard: Int[np.ndarray, "kind s"]
    """Those among them that it has lost also where it is the key itself."""
    columns: Int[np.ndarray, " s"]
    """Of each position as a key."""
    in_all: Int[np.ndarray, " c"]
    """Bits that all positions of a tile of keys carry."""
    in_some: Int[np.ndarray, " c"]
    """Bits that some position of it carries."""


class Lost:
    """What the cuts of one prompt take from its rows. Kinds are those of its `Flows`."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        self.length = flows.layout.length
        self._columns = np.zeros(self.length, np.int64)
        self._sets: dict[bytes, int] = {}
        self._places: dict[int, int] = {}
        self._rows: list[Int[np.ndarray, " s"]] = []
        self._hard: list[Int[np.ndarray, " s"]] = []
        self._checked: dict[int, int] = {}

    def place(self, kind: int) -> int:
        """Where this kind's bits are in the tables. Raises TooMany."""
        if kind not in self._places:
            rows, hard = np.zeros(self.length, np.int64), np.zeros(self.length, np.int64)
            for flow in self._flows.cuts[kind]:
                edges = self._flows.edges(flow)
                if flow.heads is not None or not isinstance(edges, Edges):
                    raise TooMany
                for lost, columns in edges.rectangles:
                    bit = self._bit(columns)
                    rows[lost] |= bit
                    if not edges.keep_self:
                        hard[lost] |= bit
            self._places[kind] = len(self._rows)
            self._rows.append(rows)
            self._hard.append(hard)
        return self._places[kind]

    def _bit(self, columns: Int[np.ndarray, " c"]) -> int:
        key = columns.tobytes()
        if key not in self._sets:
            if len(self._sets) == MOST_SETS:
                raise TooMany
            self._sets[key] = 1 << len(self._sets)
            self._columns[columns] |= self._sets[key]
        return self._sets[key]

    def tables(self) -> Tables:
        """The bits of the kinds that have a place so far."""
        begin = np.arange(0, self.length, KEYS)
        tables = Tables(
            np.stack(self._rows),
            np.stack(self._hard),
            self._columns,
            np.bitwise_and.reduceat(self._columns, begin),
            np.bitwise_or.reduceat(self._columns, begin),
        )
        # A device does half the work on short ones.
        short = len(self._sets) < np.iinfo(np.int32).bits
        return Tables(*(table.astype(np.int32) for table in tables)) if short else tables

    def check(self, kind: int, first: int) -> None:
        """Raise KnockoutError where some row from `first` on is left without a key."""
        if self._checked.get(kind, self.length) <= first:
            return
        place = self.place(kind)
        rows, hard = self._rows[place][first:], self._hard[place][first:]
        position = np.arange(first, self.length)
        left = (hard & self._columns[first:]) == 0
        for bits in np.unique(rows):
            open_ = np.flatnonzero((self._columns & bits) == 0)
            left |= (rows == bits) & (position > (open_[0] if open_.size else self.length))
        if not left.all():
            raise KnockoutError(
                f"This cut leaves row {int(position[~left][0])} without any key that the model's own mask "
                "shows it. Cut fewer keys, or let rows keep their own (leave out '(self too)')."
            )
        self._checked[kind] = first


@shaped
def nodes_of(lost: Lost, segments: Sequence[Segment], *, row: int, key: int) -> Int[np.ndarray, "n 4"]:
    """Of each node: `start`; its place in the tables; packed row - position; packed key - position.

    The first node's rows and keys begin at `row` and `key`. Raises TooMany, and KnockoutError where a row is
    left without a key.
    """
    nodes = []
    for part in segments:
        lost.check(part.kind, part.first)
        place, rows, keys = lost.place(part.kind), lost.length - part.first, lost.length - part.start
        for _ in range(part.nodes):
            nodes.append((part.start, place, row - part.first, key - part.start))
            row, key = row + rows, key + keys
    return np.array(nodes, dtype=np.int32)


@shaped
def bounds_of(lost: Lost, segments: Sequence[Segment], *, row: int) -> Int[np.ndarray, "T 2"]:
    """First packed row of each tile, and the one after its last. The first node's rows begin at `row`."""
    found, loose = [], row
    for part in segments:
        rows = lost.length - part.first
        if rows >= ROWS:
            # Rows of two long knockouts in one tile would go through the keys of both.
            found.append(_stretch(loose, row))
            starts, begin = np.arange(0, rows, ROWS), row + rows * np.arange(part.nodes)[:, None]
            ends = np.minimum(starts + ROWS, rows)
            found.append(np.stack([(begin + starts).ravel(), (begin + ends).ravel()], axis=1))
            loose = row + part.nodes * rows
        row += part.nodes * rows
    found.append(_stretch(loose, row))
    return np.concatenate(found).astype(np.int32)


def _stretch(begin: int, end: int) -> np.ndarray:
    starts = np.arange(begin, end, ROWS)
    return np.stack([starts, np.minimum(starts + ROWS, end)], axis=1)
