"""Packed attention as tiles of one kernel launch: which packed rows read which keys, with no mask in memory.

A cut says "these rows lose those columns". Every set of columns that some cut of a prompt takes away has a
bit: a column carries the bits of the sets that it is in, a row those that it has lost, and the row reads the
column where no bit is in both. A tile of rows, of one or of many knockouts, then goes through tiles of keys:
those of the untouched model, which all rows share, and those that the rows' own knockouts made anew.

Axes: N packed rows, s position, T tiles of rows, C tiles of keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from workbench.engine.incremental.plan import Flows
from workbench.errors import KnockoutError
from workbench.interventions import Edges
from workbench.shapes import Int

ROWS, KEYS = 64, 64
"""Packed rows and keys of a tile."""
MOST_SETS = 62
"""Sets of columns that the bits of a row can name."""
PARTIAL = 1
"""Flag of a tile of keys: some of its rows do not read some of its keys."""


class TooMany(Exception):
    """Cuts that bits cannot say: heads of their own, scattered edges, or too many sets of columns."""


class Lost:
    """What the cuts of one prompt take from its rows, as bits. Kinds are those of its `Flows`."""

    def __init__(self, flows: Flows) -> None:
        self._flows = flows
        self.length = flows.layout.length
        self.columns = np.zeros(self.length, np.int64)
        """Bits of each position as a key."""
        self._sets: dict[bytes, int] = {}
        self._places: dict[int, int] = {}
        self.rows: list[Int[np.ndarray, " s"]] = []
        """Bits of each position as a row, for one kind after another."""
        self.hard: list[Int[np.ndarray, " s"]] = []
        """Those among them that it has lost also where it is the key itself."""
        self._before: dict[int, Int[np.ndarray, " s+1"]] = {}
        self._checked: dict[int, int] = {}

    def place(self, kind: int) -> int:
        """Where this kind's bits are in `rows` and `hard`. Raises TooMany."""
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
            self._places[kind] = len(self.rows)
            self.rows.append(rows)
            self.hard.append(hard)
        return self._places[kind]

    def _bit(self, columns: Int[np.ndarray, " c"]) -> int:
        key = columns.tobytes()
        if key not in self._sets:
            if len(self._sets) == MOST_SETS:
                raise TooMany
            self._sets[key] = 1 << len(self._sets)
            self.columns[columns] |= self._sets[key]
            self._before.clear()
        return self._sets[key]

    def closed_before(self, bits: int) -> Int[np.ndarray, " s+1"]:
        """How many positions below each one carry one of these bits."""
        if bits not in self._before:
            self._before[bits] = np.concatenate([[0], np.cumsum((self.columns & bits) != 0)])
        return self._before[bits]

    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Bits of rows by kind (kind, s), of those that lose their own key too (kind, s), of columns (s,)."""
        return np.stack(self.rows), np.stack(self.hard), self.columns

    def check(self, kind: int, first: int) -> None:
        """Raise KnockoutError where some row from `first` on is left without a key."""
        place = self.place(kind)
        if self._checked.get(kind, self.length) <= first:
            return
        rows, hard = self.rows[place][first:], self.hard[place][first:]
        position = np.arange(first, self.length)
        left = (hard & self.columns[first:]) == 0
        for bits in np.unique(rows):
            here = rows == bits
            left[here] |= self.closed_before(int(bits))[position[here]] < position[here]
        if not left.all():
            raise KnockoutError(
                f"This cut leaves row {int(position[~left][0])} without any key that the model's own mask "
                "shows it. Cut fewer keys, or let rows keep their own (leave out '(self too)')."
            )
        self._checked[kind] = first


class Asking(NamedTuple):
    """Nodes side by side that do the same: `nodes` times rows `first`.. of one prompt, which read its
    untouched keys below `start` and their own from there on."""

    kind: int
    start: int
    first: int
    nodes: int


class Tiles(NamedTuple):
    """The tiles of one prompt in one pass. Rows and keys are counted in the packed sequences, nodes in the
    pass; all int32. A tile of keys is 2 * its first key, + PARTIAL.
    """

    nodes: Int[np.ndarray, "n 3"]
    """Of each node: where its own keys begin as a position; packed row - position; packed key - position."""
    kinds: Int[np.ndarray, " n"]
    """Of each node: where its bits are in the tables of `Lost`."""
    first_node: int
    bounds: Int[np.ndarray, "T 2"]
    """First packed row of each tile, and the one after its last."""
    shared_from: Int[np.ndarray, " T+1"]
    shared: Int[np.ndarray, " C"]
    """Tiles of untouched keys, tile of rows by tile of rows."""
    own_from: Int[np.ndarray, " T+1"]
    own: Int[np.ndarray, " C"]
    """Tiles of packed keys."""

    def arrays(self) -> list[np.ndarray]:
        """All of its arrays, in order."""
        return [part for part in self if isinstance(part, np.ndarray)]


def tiles_of(lost: Lost, asking: Sequence[Asking], *, row: int, key: int, node: int) -> Tiles:
    """The tiles of one prompt's nodes, the first of which has number `node`, and rows and keys from `row` and
    `key` on. Raises TooMany, and KnockoutError where a row is left without a key."""
    length, bounds = lost.length, []
    tables: list[tuple[int, int, int, int, int]] = []
    at_row, at_key, loose = row, key, row
    for part in asking:
        lost.check(part.kind, part.first)
        rows, keys = length - part.first, length - part.start
        row_of, key_of = at_row - part.first, at_key - part.start
        tables += [
            (part.start, row_of + number * rows, key_of + number * keys, lost.place(part.kind), part.first)
            for number in range(part.nodes)
        ]
        if rows >= ROWS:
            # Rows of two long knockouts in one tile would go through the keys of both.
            bounds.append(_stretch(loose, at_row))
            starts, number = np.arange(0, rows, ROWS), np.arange(part.nodes)
            begin = (at_row + number[:, None] * rows + starts).ravel()
            end = (at_row + number[:, None] * rows + np.minimum(starts + ROWS, rows)).ravel()
            bounds.append(np.stack([begin, end], axis=1))
            loose = at_row + part.nodes * rows
        at_row, at_key = at_row + part.nodes * rows, at_key + part.nodes * keys
    bounds.append(_stretch(loose, at_row))
    nodes, tile = np.array(tables), np.concatenate(bounds)
    firsts = nodes[:, 1] + nodes[:, 4]  # first packed row of each node
    one = np.searchsorted(firsts, tile[:, 0], side="right") - 1
    last = np.searchsorted(firsts, tile[:, 1] - 1, side="right") - 1
    some, every = _bits(lost, nodes, firsts, tile, row, at_row)
    return Tiles(
        nodes[:, :3].astype(np.int32),
        nodes[:, 3].astype(np.int32),
        node,
        tile.astype(np.int32),
        *_shared(lost, nodes, one, last, some, every),
        *_own(lost, nodes, tile, one, last, some, every),
    )


def _stretch(begin: int, end: int) -> np.ndarray:
    starts = np.arange(begin, end, ROWS)
    return np.stack([starts, np.minimum(starts + ROWS, end)], axis=1)


def _bits(
    lost: Lost, nodes: np.ndarray, firsts: np.ndarray, tile: np.ndarray, begin: int, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Of each tile of rows: bits that some of its rows has lost, and bits that every one has."""
    which = np.repeat(np.arange(len(nodes)), np.diff([*firsts, end]))
    position = np.arange(begin, end) - nodes[which, 1]
    bits = np.stack(lost.rows)[nodes[which, 3], position]
    at = tile[:, 0] - begin
    return np.bitwise_or.reduceat(bits, at), np.bitwise_and.reduceat(bits, at)


def _counts(lost: Lost, bits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`closed_before` of the different ones among `bits`, and which of them each is."""
    different, which = np.unique(bits, return_inverse=True)
    return np.stack([lost.closed_before(int(one)) for one in different]), which.reshape(-1)


def _shared(
    lost: Lost,
    nodes: np.ndarray,
    one: np.ndarray,
    last: np.ndarray,
    some: np.ndarray,
    every: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Tiles of untouched keys: none that all rows of a tile have lost."""
    most = np.maximum.reduceat(np.append(nodes[:, 0], 0), _pairs(one, last))[::2]
    least = np.minimum.reduceat(np.append(nodes[:, 0], lost.length), _pairs(one, last))[::2]
    begin = np.arange(0, max(int(most.max()), 1), KEYS)
    end = np.minimum(begin[None] + KEYS, most[:, None])  # (T, C)
    size = end - begin
    counts, which = _counts(lost, every)
    gone = counts[which[:, None], end] - counts[which[:, None], np.minimum(begin, end)]
    counts, which = _counts(lost, some)
    touched = counts[which[:, None], end] - counts[which[:, None], np.minimum(begin, end)]
    partial = (touched > 0) | (begin + KEYS > least[:, None])
    return _listed((size > 0) & (gone < size), np.broadcast_to(begin, size.shape), partial)


def _own(
    lost: Lost,
    nodes: np.ndarray,
    tile: np.ndarray,
    one: np.ndarray,
    last: np.ndarray,
    some: np.ndarray,
    every: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Tiles of the keys that the nodes of a tile made anew, up to its last row."""
    first_key = nodes[one, 0] + nodes[one, 2]
    position = tile[:, 1] - 1 - nodes[last, 1]
    after = position + nodes[last, 2] + 1
    begin = first_key[:, None] + np.arange(0, int((after - first_key).max()), KEYS)  # (T, C)
    end = np.minimum(begin + KEYS, after[:, None])
    low = np.minimum(begin, end)
    alone = one == last
    # Positions, where the tile is of one node only.
    shift = np.where(alone, nodes[one, 2], 0)[:, None]
    here = np.where(alone[:, None], end - shift, 0), np.where(alone[:, None], low - shift, 0)
    counts, which = _counts(lost, every)
    gone = alone[:, None] & (counts[which[:, None], here[0]] - counts[which[:, None], here[1]] == end - low)
    # A row may keep its own key though it has lost the set that it is in.
    gone &= end - shift <= (tile[:, 0] - nodes[one, 1])[:, None]
    counts, which = _counts(lost, some)
    touched = counts[which[:, None], here[0]] - counts[which[:, None], here[1]] > 0
    before = end - shift <= (tile[:, 0] - nodes[one, 1])[:, None]
    partial = ~alone[:, None] | touched | ~before | (end - begin < KEYS)
    return _listed((begin < end) & ~gone, begin, partial)


def _pairs(one: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Stretches one..last (included) as `reduceat` takes them: every other result counts."""
    return np.stack([one, last + 1], axis=1).ravel()


def _listed(wanted: np.ndarray, begin: np.ndarray, partial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of (T, C) tiles those that are wanted, in order, and where each row of them begins."""
    starts = np.concatenate([[0], np.cumsum(wanted.sum(1))])
    return starts.astype(np.int32), (2 * begin + PARTIAL * partial)[wanted].astype(np.int32)
