"""Precision and recall of rankings, against every order of what is equal."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from workbench.statistics.retrieval import average_precision, chance_of_top


def test_the_best_and_the_worst_order() -> None:
    true = np.array([True, True, False, False])
    assert average_precision(np.array([4.0, 3.0, 2.0, 1.0]), true) == 1
    assert average_precision(np.array([1.0, 2.0, 3.0, 4.0]), true) == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert np.isnan(average_precision(np.zeros(4), np.zeros(4, bool)))


def test_equal_scores_are_one_step() -> None:
    true = np.array([True, False, False, False])
    assert average_precision(np.ones(4), true) == 0.25
    assert average_precision(np.array([2.0, 2.0, 1.0, 1.0]), true) == 0.5


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_chances_are_those_of_all_orders(k: int) -> None:
    scores = np.array([3.0, 1.0, 2.0, 2.0, 2.0])
    times = np.zeros(5)
    orders = list(permutations(range(5)))
    for order in orders:
        times[sorted(order, key=lambda place: -scores[place])[:k]] += 1
    assert chance_of_top(scores, k) == pytest.approx(times / len(orders))
    assert chance_of_top(scores, 0).tolist() == [0] * 5
