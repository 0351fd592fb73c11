"""The benchmark's areas, beside its own sums written out."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import RunError
from workbench.statistics.faithfulness import SIZES, faithfulness

FULL, NONE = np.array([3.0, 5.0]), np.array([1.0, -1.0])


def test_areas_are_the_benchmarks_trapezoids() -> None:
    rng = np.random.default_rng(0)
    metric = rng.normal(2, 3, size=(2, len(SIZES)))
    found = faithfulness(metric, FULL, NONE)
    f = [(metric[:, k].mean() - 0.0) / (4.0 - 0.0) for k in range(len(SIZES))]
    assert [point.value for point in found.curve] == pytest.approx(f)
    cpr = cmd = 0.0
    for i in range(len(SIZES) - 1):
        step = SIZES[i + 1] - SIZES[i]
        cpr += step * (f[i] + f[i + 1]) / 2
        cmd += step * (abs(1 - f[i]) + abs(1 - f[i + 1])) / 2
    assert (found.cpr.value, found.cmd.value) == pytest.approx((cpr, cmd))


def test_a_circuit_that_does_all_has_no_distance_and_none_has_all() -> None:
    whole = faithfulness(np.repeat(FULL[:, None], len(SIZES), axis=1), FULL, NONE)
    assert whole.cpr.value == pytest.approx(0.999)
    assert whole.cmd == pytest.approx((0, 0, 0))
    nothing = faithfulness(np.repeat(NONE[:, None], len(SIZES), axis=1), FULL, NONE)
    assert nothing.cpr == pytest.approx((0, 0, 0))
    assert nothing.cmd.value == pytest.approx(0.999)


def test_intervals_hold_the_value_and_follow_the_seed() -> None:
    rng = np.random.default_rng(1)
    full, none = rng.normal(5, 1, 40), rng.normal(0, 1, 40)
    metric = none[:, None] + (full - none)[:, None] * np.array(SIZES) + rng.normal(0, 1, (40, len(SIZES)))
    found = faithfulness(metric, full, none, seed=3)
    for number in (found.cpr, found.cmd, *found.curve):
        assert number.low <= number.value <= number.high
    assert found == faithfulness(metric, full, none, seed=3)
    assert found.cpr.low != faithfulness(metric, full, none, seed=4).cpr.low


def test_what_has_no_faithfulness_is_refused() -> None:
    with pytest.raises(RunError, match="not above that without any edge"):
        faithfulness(np.zeros((2, len(SIZES))), NONE, FULL)
    with pytest.raises(RunError, match="10 sizes"):
        faithfulness(np.zeros((2, 3)), FULL, NONE)
