from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.statistics.bootstrap import (
    Estimate,
    bootstrap_mean,
    bootstrap_means,
    bootstrap_table,
    percentile_interval,
    sample_weights,
)

CHANGES = st.lists(st.floats(-100, 400, allow_nan=False), min_size=1, max_size=30)


@pytest.mark.parametrize("values", [
    np.random.default_rng(3).normal(-40, 25, 17),
    np.random.default_rng(4).lognormal(0, 1, 12),
    np.array([-60.0, -35.0, 0, 0, 0, 0, 0, 0]),
])  # fmt: skip
def test_the_interval_is_the_bootstrap_t_by_its_definition(values) -> None:
    """One resample after the other, with draws of their own."""
    rng, n, mean, variance = np.random.default_rng(99), len(values), values.mean(), values.var(ddof=1)
    distances = []
    for _ in range(20_000):
        drawn = rng.choice(values, n)
        error = np.sqrt(max(drawn.var(ddof=1), variance / 10) / n)
        distances.append((drawn.mean() - mean) / error)
    far, near = np.quantile(distances, [0.975, 0.025])
    error = np.sqrt(variance / n)
    ours = bootstrap_mean(values, seed=5, resamples=20_000)
    assert ours.mean == pytest.approx(mean)
    width = (far - near) * error
    assert (ours.low, ours.high) == pytest.approx((mean - far * error, mean - near * error), abs=0.04 * width)
    assert ours.n == n


def test_for_many_samples_the_interval_is_students() -> None:
    values = np.random.default_rng(5).normal(-40, 25, 2000)
    theirs = stats.ttest_1samp(values, 0).confidence_interval()
    ours = bootstrap_mean(values)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.15)


def test_few_or_skewed_samples_widen_the_interval_where_they_should() -> None:
    few = np.random.default_rng(6).normal(0, 1, 6)
    plain = 1.96 * few.std(ddof=1) / np.sqrt(6)
    found = bootstrap_mean(few)
    assert found.high - found.low > 2.3 * plain
    skewed = bootstrap_mean(np.random.default_rng(7).lognormal(0, 1, 30))
    assert skewed.high - skewed.mean > 1.5 * (skewed.mean - skewed.low)


def test_no_interval_reaches_beyond_what_there_can_be() -> None:
    values = [-99.0, -98.0, -70.0, -99.5]
    free, bound = bootstrap_mean(values), bootstrap_mean(values, within=(-100.0, 0.0))
    assert free.low < -100 == bound.low
    assert bound.high == min(free.high, 0.0)


def test_the_interval_narrows_with_confidence_and_samples() -> None:
    values = np.random.default_rng(0).normal(0, 10, 400)
    wide, narrow = bootstrap_mean(values, confidence=0.99), bootstrap_mean(values, confidence=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high
    few = bootstrap_mean(values[:20])
    assert few.high - few.low > 2 * (bootstrap_mean(values).high - bootstrap_mean(values).low)


def test_the_interval_covers_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(300):
        found = bootstrap_mean(rng.normal(-30, 12, 40), resamples=500)
        hits += found.low <= -30 <= found.high
    assert 0.90 <= hits / 300 <= 0.98  # 0.95 for many samples, a little less for 40


@given(CHANGES)
def test_the_mean_lies_in_its_interval_and_the_interval_has_ends(values: list[float]) -> None:
    found = bootstrap_mean(values, resamples=200)
    spread = max(values) - min(values)
    assert min(values) - 30 * spread <= found.low <= found.mean <= found.high <= max(values) + 30 * spread
    assert found.mean == pytest.approx(np.mean(values), abs=1e-9)


@given(CHANGES, st.floats(-50, 50))
def test_shifted_values_shift_the_interval(values: list[float], shift: float) -> None:
    here = bootstrap_mean(values, resamples=200)
    there = bootstrap_mean([value + shift for value in values], resamples=200)
    assert (there.low - shift, there.high - shift) == pytest.approx((here.low, here.high), abs=1e-6)


@pytest.mark.parametrize("values", [[-84.2], [-84.2] * 7])
def test_one_value_and_equal_values_have_no_width(values: list[float]) -> None:
    assert bootstrap_mean(values) == (-84.2, -84.2, -84.2, len(values))


def test_values_that_are_no_number_are_not_counted() -> None:
    assert bootstrap_mean([np.nan, -10.0, np.inf, -20.0]) == bootstrap_mean([-10.0, -20.0])
    empty = bootstrap_mean([np.nan])
    assert empty.n == 0
    assert np.isnan([empty.mean, empty.low, empty.high]).all()


def test_other_points_do_not_change_an_interval() -> None:
    """Every point has the same draws, so a part of a summary has the numbers of the whole."""
    values = np.random.default_rng(1).normal(-20, 15, (40, 12))
    whole = bootstrap_means(values, seed=3)
    for rows in ([7], [0, 39], list(range(11)), list(range(5, 40))):
        part = bootstrap_means(values[rows], seed=3)
        # A product of other shape may round its sums otherwise: equal to the last bits.
        np.testing.assert_allclose(part, [numbers[rows] for numbers in whole], rtol=1e-13)


def test_a_table_of_means_is_that_of_each_group_in_order_of_appearance() -> None:
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"a": list("yxyxxzyx"), "b": [1, 1, 1, 1, 2, 2, 1, 1], "v": rng.normal(0, 1, 8)})
    table.loc[6, "v"] = np.nan
    table.loc[5, "v"] = np.inf
    found = bootstrap_table(table, ["a", "b"], "v", seed=5)
    assert list(found.columns) == ["a", "b", "n", "mean", "low", "high"]
    assert list(zip(found["a"], found["b"], strict=True)) == [("y", 1), ("x", 1), ("x", 2), ("z", 2)]
    assert found["n"].tolist() == [2, 3, 1, 0]
    for row in found.iloc[:3].to_dict("records"):
        values = table[(table["a"] == row["a"]) & (table["b"] == row["b"])]["v"]
        assert (row["mean"], row["low"], row["high"], row["n"]) == pytest.approx(
            bootstrap_mean(values, seed=5)
        )
    assert found.iloc[3][["mean", "low", "high"]].isna().all()


def test_weights_are_shares_of_draws_with_the_samples_themselves_first() -> None:
    weights = sample_weights(7, seed=1, resamples=500)
    assert weights.shape == (501, 7)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    np.testing.assert_allclose(weights[0], 1 / 7)
    np.testing.assert_allclose(weights * 7, np.round(weights * 7), atol=1e-12)
    assert (sample_weights(7, seed=1, resamples=500) == weights).all()


def test_both_ways_into_the_bootstrap_agree_on_a_mean() -> None:
    values = np.random.default_rng(4).normal(-40, 25, 30)
    one = bootstrap_mean(values, resamples=20_000)
    other = percentile_interval(sample_weights(30, resamples=20_000) @ values, 30)
    assert tuple(other) == pytest.approx(one[:3], abs=0.9)


def test_an_interval_leaves_out_resamples_without_a_value() -> None:
    drawn = np.array([3.0, 1.0, np.nan, 2.0, np.inf, 5.0])
    # Hesterberg (2015): for 10 samples the 95% interval takes the percentiles of Student's t.
    outer = stats.norm.cdf(np.sqrt(10 / 9) * stats.t.ppf(0.025, 9))
    assert outer == pytest.approx(0.00854, abs=1e-4)
    expected = np.quantile([1.0, 2.0, 5.0], [outer, 1 - outer])
    assert percentile_interval(drawn, 10) == pytest.approx((3.0, *expected))
    assert np.isnan(percentile_interval(np.array([np.nan, 1.0]), 10)).all()
    assert np.isnan(percentile_interval(np.array([1.0, np.nan]), 10)).all()
    assert percentile_interval(drawn, 1) == (3.0, 1.0, 5.0), "one sample says nothing of others"


def test_an_estimate_in_words_has_no_minus_zero() -> None:
    assert str(Estimate(-0.04, -1.26, 0.31)) == "0.0 (-1.3 to 0.3)"
