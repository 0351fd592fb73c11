"""Pieces cover what a cut leaves, each edge once, whatever is cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.incremental.pieces import Piece, apart, pieces
from workbench.errors import KnockoutError
from workbench.interventions import Edges
from workbench.interventions.edges import Rectangle

LENGTH = 24


def covered(found: list[Piece], length: int) -> np.ndarray:
    """How often each edge is computed, int (q, k)."""
    times = np.zeros((length, length), dtype=int)
    for piece in found:
        if piece.shape == "full":
            times[np.ix_(piece.rows, piece.columns)] += 1
        elif piece.shape == "self":
            times[piece.rows, piece.columns] += 1
        elif piece.shape == "causal":
            assert np.array_equal(np.diff(piece.rows), np.ones(piece.rows.size - 1))
            times[np.ix_(piece.rows, piece.columns)] += np.tri(piece.rows.size, dtype=int)
        else:
            assert piece.mask is not None
            assert piece.mask.any(1).all(), "a row without a key has no softmax"
            times[np.ix_(piece.rows, piece.columns)] += piece.mask
    return times


def expected(edges: list[Edges], keep: np.ndarray | None) -> np.ndarray:
    left = np.tri(LENGTH, dtype=bool)
    for cut in edges:
        left &= ~cut.dense()
    return left if keep is None else left & keep


row_sets = st.sets(st.integers(0, LENGTH - 1), min_size=1).map(lambda rows: np.array(sorted(rows)))


@st.composite
def cuts(draw: st.DrawFn) -> Edges:
    """A random cut: rows split into one or two rectangles, any columns."""
    rows, split = draw(row_sets), draw(st.integers(0, LENGTH))
    parts = [part for part in (rows[rows < split], rows[rows >= split]) if part.size]
    rectangles = tuple(Rectangle(part, draw(row_sets)) for part in parts)
    # The first row of a prompt must keep its own key.
    return Edges(length=LENGTH, rectangles=rectangles, keep_self=draw(st.booleans()))


@given(edges=st.lists(cuts(), max_size=3), first=st.integers(0, LENGTH - 1), data=st.data())
def test_every_edge_that_is_left_is_computed_once(
    edges: list[Edges], first: int, data: st.DataObject
) -> None:
    own = data.draw(st.integers(0, first))
    window = data.draw(st.none() | st.integers(1, LENGTH))
    rows = np.arange(LENGTH)
    keep = None if window is None else rows[:, None] - rows[None] < window
    left = expected(edges, keep)
    if not left[first:].any(1).all():
        with pytest.raises(KnockoutError, match=r"leaves row \d+ without any key"):
            pieces(edges, first=first, own=own, keep=keep, length=LENGTH)
        return
    found = pieces(edges, first=first, own=own, keep=keep, length=LENGTH)
    times = covered(found, LENGTH)
    assert not times[:first].any()
    assert np.array_equal(times[first:], left[first:].astype(int))
    for piece in found:
        assert (piece.columns >= own).all() == piece.own or (piece.columns < own).all() != piece.own
    seen = np.zeros(LENGTH, dtype=bool)
    for piece in found:
        assert piece.fresh == (not seen[piece.rows].any())
        seen[piece.rows] = True


@given(edges=st.lists(cuts(), max_size=3), first=st.integers(0, LENGTH - 1), data=st.data())
def test_rows_apart_see_untouched_keys_before_them_and_their_own_new_one(
    edges: list[Edges], first: int, data: st.DataObject
) -> None:
    window = data.draw(st.none() | st.integers(1, LENGTH))
    rows = np.arange(LENGTH)
    keep = None if window is None else rows[:, None] - rows[None] < window
    left = expected(edges, keep)
    if not left[first:].any(1).all():
        with pytest.raises(KnockoutError, match=r"leaves row \d+ without any key"):
            apart(edges, first=first, keep=keep, length=LENGTH)
        return
    found = apart(edges, first=first, keep=keep, length=LENGTH)
    own = np.diag(np.diag(left))
    new, old = ([piece for piece in found if piece.own == is_own] for is_own in (True, False))
    assert np.array_equal(covered(new, LENGTH)[first:], own[first:].astype(int))
    assert np.array_equal(covered(old, LENGTH)[first:], (left & ~own)[first:].astype(int))
    assert not covered(found, LENGTH)[:first].any()


def frames(*sizes: int, start: int) -> list[np.ndarray]:
    ends = np.cumsum([start, *sizes])
    return [np.arange(a, b) for a, b in itertools.pairwise(ends)]


def test_frames_that_lose_earlier_frames_are_squares_without_a_mask() -> None:
    """Three frames of 5 rows after 4 rows of text: two causal squares, one prefix, and the text below."""
    first, second, third = frames(5, 5, 5, start=4)
    cut = Edges(
        length=LENGTH,
        rectangles=(Rectangle(second, first), Rectangle(third, np.concatenate([first, second]))),
        keep_self=True,
    )
    found = pieces([cut], first=9, own=9, keep=None, length=LENGTH)
    assert all(piece.shape != "masked" for piece in found)
    computed = sum(piece.rows.size * piece.columns.size for piece in found)
    # Frames: 10 rows on 4 text keys, two squares. Text: 5 rows on 9 old keys, on 10 new ones, one square.
    assert computed == 10 * 4 + 2 * 25 + 5 * 9 + 5 * 10 + 25
    assert len(found) == 6


def test_rows_that_see_only_themselves_among_their_frame() -> None:
    (frame,) = frames(6, start=4)
    cut = Edges(length=LENGTH, rectangles=(Rectangle(frame, frame),), keep_self=True)
    found = pieces([cut], first=5, own=5, keep=None, length=LENGTH)
    (alone,) = [piece for piece in found if piece.shape == "self"]
    assert np.array_equal(alone.rows, frame[1:])
