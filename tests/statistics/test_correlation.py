"""Rank correlation against scipy, and the share of the largest."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from workbench.statistics.correlation import shared_top, spearman


def test_spearman_is_scipys_with_ties() -> None:
    draw = np.random.default_rng(0)
    one = draw.integers(0, 5, 40)
    other = one + draw.integers(0, 4, 40)
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other)[0])
    assert spearman([1, 2, 3, np.nan], [3, 2, 1, 9]) == pytest.approx(-1)


@pytest.mark.parametrize(("one", "other"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([], [])])
def test_without_an_order_there_is_none(one: list[float], other: list[float]) -> None:
    assert np.isnan(spearman(one, other))


def test_the_share_of_the_largest() -> None:
    assert shared_top([-9, 8, 1, 0], [-5, 0, 4, 0], 2) == 0.5
    assert np.isnan(shared_top([1], [1], 2))
