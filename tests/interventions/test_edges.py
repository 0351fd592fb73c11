"""Edges of a cut: every question about them agrees with the dense mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.interventions.test_flows import SMALL, SPANS
from tests.interventions.test_random_edges import drawn
from workbench.errors import KnockoutError
from workbench.interventions import Edges, Flow, ScatteredEdges


@given(SPANS, SPANS, st.booleans())
def test_counts_agree_with_the_dense_mask_for_any_pair(source: str, target: str, self_too: bool) -> None:
    keep_self = not (self_too or source == target == "last")
    try:
        edges = Flow(source=source, target=target, keep_self=keep_self).edges(SMALL)
    except KnockoutError:
        return
    dense = edges.dense()
    assert edges.count() == dense.sum() > 0
    assert not np.triu(dense, 1).any()
    assert edges.first_row == np.flatnonzero(dense.any(1))[0]


@given(st.integers(1, 190), st.integers(0, 3))
def test_all_questions_about_a_draw_agree_with_its_mask(count, seed) -> None:
    edges = drawn(count, seed=seed).edges(SMALL)
    cut = edges.dense()
    np.testing.assert_array_equal(edges.per_row(), cut.sum(1))
    np.testing.assert_array_equal(edges.rows, np.flatnonzero(cut.any(1)))
    assert edges.first_row == np.flatnonzero(cut.any(1))[0]
    assert edges.count() == cut.sum() == count
    for row in range(22):
        np.testing.assert_array_equal(edges.keys_lost(row), np.flatnonzero(cut[row]))


def test_code_that_reads_rectangles_without_asking_fails() -> None:
    edges: Any = drawn(5).edges(SMALL)
    assert type(edges) is ScatteredEdges
    assert not edges.is_blocks
    assert Edges.is_blocks
    rectangles: Any = edges.rectangles
    with pytest.raises(TypeError):
        list(rectangles)
