"""Paired tests: planted differences are found, and none is invented."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from workbench.statistics.holm import holm
from workbench.statistics.paired import paired_p_values, too_few_pairs

N_LAYERS = 12


@pytest.mark.parametrize("test", ["sign_flip", "wilcoxon"])
@pytest.mark.parametrize(("samples", "runs"), [(8, 400), (20, 100)])
def test_false_alarms_stay_below_five_percent_over_all_layers(test, samples, runs) -> None:
    rng = np.random.default_rng(0)
    # Skewed on purpose, but symmetric under exchange of the two flows: the null of a paired test.
    size = (runs, N_LAYERS, samples)
    differences = rng.exponential(5, size) - rng.exponential(5, size)
    alarms = 0
    for run in differences:
        corrected = holm(paired_p_values(run, test=test))
        alarms += bool((corrected < 0.05).any())
    assert alarms <= stats.binom.ppf(0.98, runs, 0.05)
    uncorrected = sum(bool((paired_p_values(run, test=test) < 0.05).any()) for run in differences[:50])
    assert uncorrected > 10, "without the correction many runs raise an alarm"


@pytest.mark.parametrize("test", ["sign_flip", "wilcoxon"])
def test_clear_differences_are_found_by_both_tests(test) -> None:
    rng = np.random.default_rng(1)
    found = sum(
        bool((holm(paired_p_values(rng.normal(-1.5, 1, (N_LAYERS, 20)), test=test)) < 0.05).all())
        for _ in range(20)
    )
    assert found >= 19


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=8))
def test_sign_flips_are_exact_for_few_samples(values) -> None:
    sums = [abs(sum(s * v for s, v in zip(signs, values, strict=True)))
            for signs in itertools.product((1, -1), repeat=len(values))]  # fmt: skip
    exact = np.mean([total >= abs(sum(values)) for total in sums])
    assert paired_p_values([values])[0] == pytest.approx(exact)


def test_many_samples_agree_with_scipys_permutation_test() -> None:
    values = np.random.default_rng(3).normal(0.5, 1, 30)
    theirs: Any = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(0)
    )
    assert paired_p_values([values])[0] == pytest.approx(theirs.pvalue, abs=0.01)
    assert paired_p_values([values], seed=4)[0] == paired_p_values([values], seed=4)[0]


def test_sums_that_are_equal_but_for_rounding_are_counted() -> None:
    """In tenths sums of equal size differ in their last bits; counted in whole numbers they do not."""
    for whole in np.random.default_rng(0).integers(-9, 10, (40, 8)):
        signs = np.array(list(itertools.product((1, -1), repeat=8)))
        exact = np.mean(np.abs(signs @ whole) >= abs(whole.sum()))
        assert paired_p_values(whole / 10)[0] == exact


def test_too_few_pairs_are_named_with_what_they_can_reach() -> None:
    assert too_few_pairs(6) == ""
    assert too_few_pairs(5) == "5 pairs cannot give a p-value below 0.062: use 6 or more"
    assert too_few_pairs(0) == "0 pairs cannot give a p-value below 1: use 6 or more"


@pytest.mark.parametrize("tests", [1, 12, 32, 40, 64])
def test_the_pairs_that_are_said_to_be_needed_are_the_fewest_that_can_do(tests) -> None:
    needed = next(n for n in range(1, 30) if tests * 2 / 2**n <= 0.05)
    assert too_few_pairs(needed, tests) == ""
    assert too_few_pairs(needed - 1, tests).endswith(f": use {needed} or more")
    # All pairs differ the same way: the least p-value that there is.
    assert holm(paired_p_values(np.ones((tests, needed)))).max() <= 0.05
    assert holm(paired_p_values(np.ones((tests, needed - 1)))).min() > 0.05
