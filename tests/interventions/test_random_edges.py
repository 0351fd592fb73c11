from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.interventions.layouts import small_layout
from workbench.errors import KnockoutError
from workbench.interventions import Cut, Flow, Knockout, RandomEdges, keep_mask
from workbench.interventions.random_edges import pool_size
from workbench.prompts.layout import TokenLayout

SMALL = small_layout()  # 22 rows, the video begins at row 2


def drawn(count: int, *, first_row: int = 2, seed: int = 0, draw: int = 0, keep_self: bool = True):
    return RandomEdges(count=count, first_row=first_row, seed=seed, draw=draw, keep_self=keep_self)


@given(st.integers(1, 30), st.integers(0, 29), st.booleans(), st.integers(0, 5), st.data())
def test_a_draw_has_its_size_and_stays_where_it_may(length, first, keep_self, seed, data) -> None:
    layout = TokenLayout(length=length, spans={"question": [length - 1]})
    pool = pool_size(length - first, keep_self=keep_self)
    if pool < 1:
        return
    count = data.draw(st.integers(1, pool))
    cut = drawn(count, first_row=first, seed=seed, keep_self=keep_self).edges(layout).dense()
    queries, keys = np.nonzero(cut)
    assert len(queries) == count
    assert keys.min() >= first
    assert np.all(keys < queries) if keep_self else np.all(keys <= queries)


def test_the_whole_pool_is_every_edge_from_that_row_on() -> None:
    np.testing.assert_array_equal(
        drawn(190).edges(SMALL).dense(), Flow.parse("video + text -> video + text").edges(SMALL).dense()
    )
    with pytest.raises(KnockoutError, match="22 rows and only 190 such edges"):
        drawn(191).edges(SMALL)
    drawn(210, keep_self=False).edges(SMALL)


def test_draws_differ_by_seed_and_by_layer_and_come_back_the_same() -> None:
    masks = [drawn(60, seed=seed, draw=draw).edges(SMALL).dense() for seed in range(3) for draw in range(3)]
    assert len({mask.tobytes() for mask in masks}) == 9
    np.testing.assert_array_equal(masks[0], drawn(60).edges(SMALL).dense())


def test_every_edge_is_equally_likely() -> None:
    times = np.sum([drawn(38, draw=draw).edges(SMALL).dense() for draw in range(3000)], axis=0)
    pool = np.zeros((22, 22), dtype=bool)
    pool[2:, 2:] = np.tril(np.ones((20, 20), dtype=bool), -1)
    assert not times[~pool].any()
    # Each of 190 edges: binomial(3000, 0.2), mean 600, standard deviation 22.
    assert times[pool].sum() == 3000 * 38
    assert np.abs(times[pool] - 600).max() < 5 * 22


def test_they_are_cut_like_a_flow_and_print_and_read_back() -> None:
    knockout = Knockout(
        cuts=(
            Cut(flow=drawn(50, seed=3), first_layer=1, last_layer=1),
            Cut(flow=drawn(50, seed=3, draw=1, keep_self=False), first_layer=2, last_layer=2),
            Cut(flow=Flow.parse("video -> last"), first_layer=2, last_layer=3),
        )
    )
    text = "50 random edges from row 2 (seed 3, draw 0) in layer 1"
    assert str(knockout).startswith(text + "; ")
    assert Knockout.parse(str(knockout)) == knockout
    knockout.check(SMALL, 4, 2)
    mask: Any = knockout.mask(SMALL, 0, 2)
    np.testing.assert_array_equal(~mask[0], drawn(50, seed=3).edges(SMALL).dense())
    both: Any = knockout.mask(SMALL, 1, 2)
    one, other = (cut.flow.edges(SMALL).dense() for cut in knockout.cuts[1:])
    np.testing.assert_array_equal(~both[0], one | other)


def test_rows_without_a_key_are_refused() -> None:
    whole = drawn(pool_size(22, keep_self=False), first_row=0, keep_self=False)
    with pytest.raises(KnockoutError, match="leaves row 0"):
        keep_mask([whole], SMALL, 2)
    kept = keep_mask([drawn(pool_size(22), first_row=0)], SMALL, 2)
    np.testing.assert_array_equal(np.tril(kept[0]), np.eye(22, dtype=bool))
    # A draw that is harmless by itself starves the last row together with a flow.
    flows = [drawn(190), Flow.parse("system -> last"), Flow.parse("last -> last")]
    with pytest.raises(KnockoutError, match="leaves row 21"):
        keep_mask(flows, SMALL, 2)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"first_row": -1}, {"seed": 1.5}, {"draw": True}])
def test_numbers_that_are_none_are_refused(wrong) -> None:
    with pytest.raises(KnockoutError, match=f"{next(iter(wrong))}=.*whole number from"):
        RandomEdges(**{"count": 5, "first_row": 2, "seed": 0, **wrong})


def test_numbers_of_thousands_of_digits_are_no_random_edges() -> None:
    assert RandomEdges.parse(f"{'9' * 5000} random edges from row 0 (seed 0, draw 0)") is None
