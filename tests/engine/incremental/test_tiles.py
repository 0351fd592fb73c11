"""Bits say what a cut takes, and tiles hold every packed row once."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.incremental.test_pieces import LENGTH, cuts
from workbench.engine.incremental.pieces import pieces
from workbench.engine.incremental.plan import Segment
from workbench.engine.incremental.tiles import (
    KEYS,
    MOST_SETS,
    ROWS,
    Lost,
    TooMany,
    bounds_of,
    nodes_of,
)
from workbench.errors import KnockoutError
from workbench.interventions import Edges
from workbench.interventions.edges import Rectangle, ScatteredEdges


def lost_of(kinds: list[list[Edges]], *, heads: tuple[int, ...] | None = None, length: int = LENGTH) -> Lost:
    """The table of kinds 1.. of cuts; kind 0 is none."""
    flows = SimpleNamespace(
        layout=SimpleNamespace(length=length),
        cuts=[(), *(tuple(SimpleNamespace(heads=heads, made=edges) for edges in kind) for kind in kinds)],
        edges=lambda flow: flow.made,
    )
    return Lost(flows)  # type: ignore[arg-type]


def read(lost: Lost, kind: int) -> np.ndarray:
    """What rows read, bool (q, k), as the kernel works it out from the tables."""
    place = lost.place(kind)
    tables = lost.tables()
    rows, hard = tables.rows[place][:, None], tables.hard[place][:, None]
    earlier = np.tri(lost.length, k=-1, dtype=bool) & ((rows & tables.columns) == 0)
    return earlier | np.diag((hard[:, 0] & tables.columns) == 0)


def left(edges: list[Edges], length: int = LENGTH) -> np.ndarray:
    found = np.tri(length, dtype=bool)
    for cut in edges:
        found &= ~cut.dense()
    return found


@given(kinds=st.lists(st.lists(cuts(), max_size=3), min_size=1, max_size=3))
def test_bits_leave_what_the_cuts_leave(kinds: list[list[Edges]]) -> None:
    lost = lost_of(kinds)
    for kind in range(len(kinds) + 1):
        lost.place(kind)  # a later kind names more sets of columns, which earlier ones must not feel
    for kind, edges in enumerate([[], *kinds]):
        assert np.array_equal(read(lost, kind), left(edges))


@given(edges=st.lists(cuts(), max_size=3), first=st.integers(0, LENGTH - 1))
def test_a_row_without_a_key_is_refused_as_by_pieces(edges: list[Edges], first: int) -> None:
    lost = lost_of([edges])
    try:
        pieces(edges, first=first, own=first, keep=None, length=LENGTH)
    except KnockoutError as refused:
        with pytest.raises(KnockoutError, match=str(refused)[:40]):
            lost.check(1, first)
        assert not left(edges)[first:].any(1).all()
    else:
        lost.check(1, first)
        assert left(edges)[first:].any(1).all()


@pytest.mark.parametrize("sets", [3, 31, 32, MOST_SETS])
def test_a_tile_of_keys_says_what_all_and_some_of_it_carry(sets: int) -> None:
    length = 5 * KEYS + 7
    generator = np.random.default_rng(0)
    edges = [
        Edges(
            length=length,
            rectangles=(
                Rectangle(np.arange(9, length), np.flatnonzero(generator.random(length) < 0.9)[at:]),
            ),
            keep_self=True,
        )
        for at in range(sets)
    ]
    lost = lost_of([edges], length=length)
    lost.place(1)
    tables = lost.tables()
    assert tables.rows.dtype == (np.int32 if sets < 32 else np.int64)
    assert (tables.rows >= 0).all(), "no bit is a sign"
    for at, start in enumerate(range(0, length, KEYS)):
        columns = tables.columns[start : start + KEYS]
        assert tables.in_all[at] == np.bitwise_and.reduce(columns)
        assert tables.in_some[at] == np.bitwise_or.reduce(columns)


def test_what_bits_cannot_say_is_said() -> None:
    rows, columns = np.arange(5, LENGTH), np.arange(3)
    one = Edges(length=LENGTH, rectangles=(Rectangle(rows, columns),), keep_self=True)
    with pytest.raises(TooMany):
        lost_of([[one]], heads=(1,)).place(1)
    scattered = ScatteredEdges(length=LENGTH, keys=np.array([0]), starts=np.array([0] * LENGTH + [1]))
    with pytest.raises(TooMany):
        lost_of([[scattered]]).place(1)  # type: ignore[list-item]
    many = [
        Edges(length=100, rectangles=(Rectangle(np.array([99]), np.array([at])),), keep_self=True)
        for at in range(MOST_SETS + 1)
    ]
    lost_of([many[:-1]], length=100).place(1)
    with pytest.raises(TooMany):
        lost_of([many], length=100).place(1)


@given(
    parts=st.lists(
        st.tuples(st.integers(0, 2 * ROWS + 40), st.integers(0, 80), st.integers(1, 5)),
        min_size=1,
        max_size=6,
    ),
    row=st.integers(0, 100),
    key=st.integers(0, 100),
)
def test_tiles_hold_every_row_once(parts: list[tuple[int, int, int]], row: int, key: int) -> None:
    length = 2 * ROWS + 41
    lost = lost_of([], length=length)
    segments = [Segment(0, 0, max(first - more, 0), first, nodes, length) for first, more, nodes in parts]
    nodes, bounds = nodes_of(lost, segments, row=row, key=key), bounds_of(lost, segments, row=row)
    # Row by row: its node, its position, where its key is.
    at_row, at_key, number = row, key, 0
    for part in segments:
        for _ in range(part.nodes):
            start, _, row_at, key_at = nodes[number]
            assert start == part.start
            assert at_row - row_at == part.first
            assert at_key - key_at == part.start
            at_row, at_key = at_row + length - part.first, at_key + length - part.start
            number += 1
    assert number == len(nodes)
    assert bounds[0, 0] == row
    assert bounds[-1, 1] == at_row
    assert (bounds[1:, 0] == bounds[:-1, 1]).all()
    assert ((bounds[:, 1] - bounds[:, 0] > 0) & (bounds[:, 1] - bounds[:, 0] <= ROWS)).all()
    # Rows of two long nodes never share a tile.
    firsts = nodes[:, 2] + [part.first for part in segments for _ in range(part.nodes)]
    long = np.array([length - part.first >= ROWS for part in segments for _ in range(part.nodes)])
    for begin, end in bounds:
        one, last = np.searchsorted(firsts, [begin, end - 1], side="right") - 1
        assert one == last or not long[one : last + 1].any()
