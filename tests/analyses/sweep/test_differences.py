"""Paired comparisons and warnings: planted differences are found, and none is invented."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.figures.tables import sweep_table
from workbench.analyses.sweep.cautions import curve_warnings, summary_table
from workbench.analyses.sweep.differences import (
    COMPARISON_COLUMNS,
    compare_flows,
    compare_models,
    holm,
    paired_p_values,
)
from workbench.errors import RunError
from workbench.statistics.curves import bootstrap_mean, curve_table

CROSS, TO_QUESTION, TO_LAST = "frames -> later frames", "video -> question", "question -> last"
N_LAYERS = 12


def noisy(
    shifts: Mapping[str, Sequence[float]],
    *,
    samples: int = 20,
    noise: float = 5.0,
    seed: int = 0,
    task: str = "t",
) -> pd.DataFrame:
    """A sweep whose samples differ a lot, and whose flows differ by `shifts` in each layer."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(samples):
        own = rng.normal(-40, 15)  # shared by all flows of a sample: pairing takes it out
        for flow, by_layer in shifts.items():
            for layer, shift in enumerate(by_layer, start=1):
                change = own + shift + rng.normal(0, noise)
                rows.append((f"s{number}", task, flow, "centred(3)", layer, layer, layer, 0.9, change))
    names = ["sample_id", "task", "flow", "window", "layer", "first_layer", "last_layer", "p_base"]
    table = pd.DataFrame(rows, columns=pd.Index([*names, "change_percent"]))
    return table.assign(p_knockout=table["p_base"] * (1 + table["change_percent"] / 100))


def test_a_planted_difference_is_found_in_its_layers_and_nowhere_else() -> None:
    shifts = {CROSS: [0, 0, -12, -12, 0, 0], TO_QUESTION: [0] * 6}
    found: Any = compare_flows(noisy(shifts), CROSS, TO_QUESTION)
    assert list(found.columns) == COMPARISON_COLUMNS
    assert (found["n"] == 20).all()
    clear = found["p_corrected"] < 0.05
    assert clear.tolist() == [False, False, True, True, False, False]
    assert found.loc[clear, "difference"].to_numpy() == pytest.approx([-12, -12], abs=3)
    assert (found.loc[clear, "low"] < -8).all()
    assert (found.loc[clear, "high"] < 0).all()
    inside = (found["low"] <= 0) & (found["high"] >= 0)
    assert inside[~clear].all()
    turned: Any = compare_flows(noisy(shifts), TO_QUESTION, CROSS)
    np.testing.assert_allclose(turned["difference"], -found["difference"])
    np.testing.assert_allclose(turned["p_value"], found["p_value"])


def test_two_models_are_compared_on_the_samples_that_both_have() -> None:
    strong, weak = noisy({CROSS: [-30] * 3}, seed=1), noisy({CROSS: [0] * 3}, seed=2)
    weak = weak.query("sample_id != 's3'")
    found: Any = compare_models(strong, weak, CROSS, names=("tuned", "image"))
    assert set(found["n"]) == {19}
    assert set(found["first"]) == {"tuned"}
    assert (found["p_corrected"] < 0.05).all()
    assert (found["high"] < 0).all()
    same: Any = compare_models(strong, strong, CROSS)
    assert (same["difference"] == 0).all()
    assert (same["p_value"] == 1).all()


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


def test_holm_by_hand_and_with_missing_values() -> None:
    assert holm([0.01, 0.04, 0.03]).tolist() == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]).tolist() == [1.0, 1.0]
    with_gap = holm([0.01, float("nan"), 0.04])
    assert with_gap[[0, 2]].tolist() == pytest.approx([0.02, 0.04])
    assert np.isnan(with_gap[1])
    assert holm([]).size == 0


def test_too_few_pairs_are_said_to_be_too_few() -> None:
    found: Any = compare_flows(noisy({CROSS: [-90], TO_QUESTION: [0]}, samples=3), CROSS, TO_QUESTION)
    assert found["note"].tolist() == ["only 3 samples; 3 pairs cannot give a p-value below 0.25"]
    assert found["p_value"].tolist() == [0.25]
    one: Any = compare_flows(noisy({CROSS: [-90], TO_QUESTION: [0]}, samples=1), CROSS, TO_QUESTION)
    assert np.isnan(one["p_value"]).all()
    assert np.isnan(one["p_corrected"]).all()
    enough: Any = compare_flows(noisy({CROSS: [-90], TO_QUESTION: [0]}, samples=6), CROSS, TO_QUESTION)
    assert enough["note"].tolist() == [""]


def test_what_cannot_be_compared_is_refused() -> None:
    table = noisy({CROSS: [0], TO_QUESTION: [0]})
    for wrong, message in (
        ((CROSS, CROSS), "compared with itself"),
        ((CROSS, "video -> questions"), "Did you mean 'video -> question'"),
    ):
        with pytest.raises(RunError, match=message):
            compare_flows(table, *wrong)
    with pytest.raises(RunError, match="Did you mean 'wilcoxon'"):
        compare_flows(table, CROSS, TO_QUESTION, test="wilcoxn")
    with pytest.raises(RunError, match="lacks p_base"):
        compare_flows(table.drop(columns="p_base"), CROSS, TO_QUESTION)
    with pytest.raises(RunError, match="share no sample"):
        compare_models(table, table.assign(sample_id="other" + table["sample_id"]), CROSS)


def test_both_averages_stand_side_by_side_with_their_intervals() -> None:
    table = sweep_table(samples=8)
    summary: Any = summary_table(table)
    curves: Any = curve_table(table).set_index(["task", "flow", "layer"])
    for row in summary.sample(20, random_state=0).to_dict("records"):
        point = curves.loc[(row["task"], row["flow"], row["layer"])]
        assert (row["n"], row["n_tiny"]) == (8, 0)
        assert row["mean_of_ratios"] == pytest.approx(point["mean"])
        assert row["ratio_of_means"] == pytest.approx(point["ratio_of_means"])
        assert row["mean_low"] == pytest.approx(point["low"])
        assert row["ratio_low"] <= row["ratio_of_means"] + 1e-9
        assert row["ratio_of_means"] <= row["ratio_high"] + 1e-9
    # Where all samples have the same p_base the two averages are one number, and their intervals nearly so.
    equal: Any = summary_table(noisy({CROSS: [-3, 5]}))
    np.testing.assert_allclose(equal["mean_of_ratios"], equal["ratio_of_means"])
    mean = bootstrap_mean(noisy({CROSS: [-3, 5]}).query("layer == 1")["change_percent"])
    assert equal["ratio_low"][0] == pytest.approx(mean.low, abs=1)


def one_tiny(change: float) -> pd.DataFrame:
    """Ten samples that lose nothing, one of them with a p_base of 0.01 and this change."""
    table = noisy({CROSS: [0.0, 0.0]}, samples=10).assign(change_percent=0.0, p_base=0.9)
    tiny = (table["sample_id"] == "s0").to_numpy()
    table.loc[tiny, ["p_base", "change_percent"]] = 0.01, change
    return table.assign(p_knockout=table["p_base"] * (1 + table["change_percent"] / 100))


def test_warnings_say_where_a_curve_means_little() -> None:
    assert curve_warnings(sweep_table(samples=8)) == []
    assert curve_warnings(noisy({CROSS: [0]}, samples=3)) == [
        "t: only 3 samples: the curves show these samples, not the task."
    ]
    small, apart = curve_warnings(one_tiny(900.0))
    assert small.startswith("t: p_base is below 0.05 in 1 of 10 samples (lowest 0.01)")
    assert "mean of ratios (+90%) and the ratio of means (+1%) disagree" in apart
    assert len(curve_warnings(one_tiny(5.0))) == 1, "a small p_base that changes nothing is named once"
    none = noisy({CROSS: [0]}).assign(change_percent=np.nan)
    assert curve_warnings(none) == ["t: no sample could be used, so there is no curve."]
