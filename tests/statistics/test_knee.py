"""Knees of curves whose knee is known."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.statistics.knee import knee, knees


def test_the_knee_of_a_step_is_where_it_steps_and_is_certain() -> None:
    right = np.zeros((40, 7), bool)
    right[:, 3:] = True
    assert knee(right, [0, 1, 3, 5, 7, 9, 12]) == (5, 5, 5)


def test_a_curve_that_falls_again_is_not_done() -> None:
    curves = np.array([[0.0, 1.0, 0.2, 1.0], [0.0, 0.5, 0.95, 1.0], [0.5, 0.5, 0.5, 0.5]])
    np.testing.assert_equal(knees(curves, [0, 1, 2, 3]), [3, 2, np.nan])


def test_nothing_that_rises_has_no_knee() -> None:
    assert np.isnan(knee(np.ones((9, 3), bool), [0, 1, 2])).all()


def test_the_interval_holds_what_other_samples_would_show() -> None:
    """60% of the rise at depth 1, 31% at 2, 9% at 3: the knee is at 2, and some resamples put it at 3."""
    steps = np.repeat([1, 2, 3], [60, 31, 9])
    right = np.arange(4)[None, :] >= steps[:, None]
    found = knee(right, [0, 1, 2, 3])
    assert found.value == 2
    assert (found.low, found.high) == pytest.approx((2, 3))
