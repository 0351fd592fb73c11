from __future__ import annotations

import time
from typing import cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests.figures.tables import sweep_table
from workbench.errors import RunError
from workbench.statistics.curves import (
    CURVE_COLUMNS,
    bootstrap_mean,
    curve_points,
    curve_table,
    reliability,
    wilson,
)

CHANGES = st.lists(st.floats(-100, 400, allow_nan=False), min_size=1, max_size=30)


def test_the_interval_is_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(3).normal(-40, 25, 17)
    plain = stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    ours = bootstrap_mean(values, seed=5)
    assert ours.mean == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((plain.low, plain.high))
    assert ours.n == 17


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
def test_the_mean_lies_in_its_interval_and_the_interval_among_the_values(values: list[float]) -> None:
    found = bootstrap_mean(values, resamples=200)
    room = 1e-9 * (1 + max(abs(v) for v in values))
    assert min(values) - room <= found.low <= found.high <= max(values) + room
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


def test_wilson_against_a_table() -> None:
    # Wilson's interval for 9 of 10, as in Brown, Cai and DasGupta (2001), computed by hand.
    z = 1.959963984540054
    centre = (0.9 + z**2 / 20) / (1 + z**2 / 10)
    half = z / (1 + z**2 / 10) * np.sqrt(0.9 * 0.1 / 10 + z**2 / 400)
    assert wilson(9, 10) == pytest.approx((0.9, centre - half, centre + half, 10))
    assert wilson(5, 5).high == 1.0
    assert 0.4 < wilson(5, 5).low < 0.7
    assert wilson(0, 0).n == 0


@pytest.mark.parametrize(("correct", "n"), [(3, 2), (-1, 4)])
def test_wilson_refuses_what_is_no_share(correct: int, n: int) -> None:
    with pytest.raises(RunError, match=f"{correct} correct out of {n}"):
        wilson(correct, n)


def test_reliability_names_few_samples_and_tiny_probabilities() -> None:
    assert reliability(5, 0.9) == ""
    assert reliability(4, 0.9) == "only 4 samples"
    assert reliability(1, 0.9) == "only 1 sample"
    assert "0.001" in reliability(10, 0.001)


def test_each_point_is_the_bootstrap_of_its_own_values() -> None:
    table = sweep_table(samples=7).sample(frac=1, random_state=1)  # the order of rows must not matter
    table = table.query("not (task == 'object_count' and sample_id.str.endswith('3'))")
    points = curve_table(table, seed=4)
    assert list(points.columns) == CURVE_COLUMNS
    assert len(points) == 5 * 5 * 12
    for key, rows in list(table.groupby(["task", "flow", "layer"]))[::17]:
        task, flow, layer = cast(tuple[str, str, int], key)
        point = points[(points["task"] == task) & (points["flow"] == flow) & (points["layer"] == layer)].iloc[
            0
        ]
        # Resampling draws by position, so the values must come in the table's order.
        expected = bootstrap_mean(rows["change_percent"], seed=4)
        assert tuple(point[["mean", "low", "high", "n"]]) == pytest.approx(expected)
        ratio = 100 * (rows["p_knockout"].mean() / rows["p_base"].mean() - 1)
        assert point["ratio_of_means"] == pytest.approx(ratio)
        assert point["n"] == (6 if task == "object_count" else 7)
        assert (point["first_layer"], point["last_layer"]) == (max(1, layer - 1), min(12, layer + 1))


def test_points_come_in_the_tables_order_of_tasks_and_flows_with_layers_ascending() -> None:
    table = sweep_table(samples=2)
    points = curve_table(table.iloc[::-1])
    assert points["task"].drop_duplicates().tolist() == table["task"].drop_duplicates().tolist()[::-1]
    assert points["flow"].drop_duplicates().tolist() == table["flow"].drop_duplicates().tolist()[::-1]
    one = points[(points["task"] == "object_count") & (points["flow"] == "video -> last")]
    assert one["layer"].tolist() == list(range(1, 13))


def test_the_ratio_of_means_is_not_blown_up_by_a_tiny_p_base() -> None:
    table = sweep_table({"t": {}}, flows=("video -> last",), samples=5).query("layer == 3").copy()
    table["p_base"] = [0.9, 0.9, 0.9, 0.9, 0.001]
    table["p_knockout"] = [0.9, 0.9, 0.9, 0.9, 0.011]
    table["change_percent"] = (table["p_knockout"] / table["p_base"] - 1) * 100
    point = curve_points(table)[0]
    assert point.mean == pytest.approx(200)
    assert point.ratio_of_means == pytest.approx(100 * 0.01 / 3.601)
    assert "p_base down to 0.001" in point.note


def test_points_without_a_usable_sample_stay_in_the_table_and_out_of_the_curves() -> None:
    table = sweep_table({"t": {}}, flows=("video -> last",), samples=3)
    table.loc[table["layer"] == 6, "change_percent"] = np.nan
    assert curve_table(table).set_index("layer")["n"].to_dict()[6] == 0
    assert curve_table(table).set_index("layer")["note"].to_dict()[6] == "no usable sample"
    assert 6 not in [point.layer for point in curve_points(table)]


def test_an_empty_table_and_missing_columns() -> None:
    assert curve_table(sweep_table(samples=1).iloc[:0]).empty
    with pytest.raises(RunError, match=r"columns p_base, p_knockout.*sample_id"):
        curve_table(sweep_table(samples=1).drop(columns=["p_base", "p_knockout"]))


def test_a_large_sweep_takes_under_two_seconds() -> None:
    flows = [f"frame[{i}] -> last" for i in range(11)]
    index = pd.MultiIndex.from_product(
        [range(5), flows, range(1, 33), range(100)], names=["task", "flow", "layer", "sample"]
    )
    table = index.to_frame(index=False)
    rng = np.random.default_rng(0)
    table["window"], table["first_layer"], table["last_layer"] = "centred(9)", table["layer"], table["layer"]
    table["p_base"] = rng.uniform(0.5, 1, len(table))
    table["p_knockout"] = rng.uniform(0, 0.5, len(table))
    table["change_percent"] = (table["p_knockout"] / table["p_base"] - 1) * 100
    began = time.perf_counter()
    assert len(curve_table(table)) == 5 * 11 * 32
    assert time.perf_counter() - began < 2
