from __future__ import annotations

import time
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from tests.figures.tables import sweep_table
from workbench.errors import RunError
from workbench.statistics.bootstrap import bootstrap_mean
from workbench.statistics.curves import (
    CURVE_COLUMNS,
    curve_points,
    curve_table,
    curves_of,
    is_summary,
    layers_without_edges,
)


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
        expected = bootstrap_mean(rows["change_percent"], seed=4, within=(-100, np.inf))
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
    began = time.process_time()  # of this process: other work on the machine does not count
    assert len(curve_table(table)) == 5 * 11 * 32
    assert time.process_time() - began < 2


def test_a_summary_is_not_made_again() -> None:
    table = sweep_table(samples=3)
    curves = curve_table(table, seed=7)
    assert is_summary(curves)
    assert not is_summary(table)
    assert curves_of(curves, seed=1) is curves
    pd.testing.assert_frame_equal(curves_of(table, seed=7), curves)
    assert curve_points(curves) == curve_points(table, seed=7)
    with pytest.raises(RunError, match="lacks the column note"):
        curves_of(curves.drop(columns="note"))


def test_rows_of_a_summary_are_the_summary_of_those_rows() -> None:
    """So that a figure of one task or of a few flows can be drawn from the summary of everything. Whether a
    fall is chance depends on how many were looked at, so a part knows less of that than the whole."""
    table = sweep_table(samples=7)
    table = table.query("not (task == 'object_count' and sample_id.str.endswith('3'))")
    curves = curve_table(table, seed=2)
    for chosen in ("task == 'object_count'", "flow == 'video -> question'", "layer == 8"):
        part: Any = curve_table(table.query(chosen), seed=2)
        rows: Any = curves.query(chosen).reset_index(drop=True)
        of_all = ["bound", "p_fall"]
        own, others = part.drop(columns=of_all), rows.drop(columns=of_all)
        pd.testing.assert_frame_equal(own, others, check_exact=False, rtol=1e-13)
        assert (part["p_fall"] <= rows["p_fall"] + 0.02).all()
        assert (part["bound"] < 0)[rows["bound"] < 0].all()


def test_every_point_knows_what_chance_gives_among_all_of_them() -> None:
    curves: Any = curve_table(sweep_table(samples=10))
    deep = curves["mean"] < -30
    assert (curves.loc[deep, "p_fall"] <= 0.05).all()
    assert (curves.loc[deep, "bound"] < 0).all()
    assert (curves.loc[curves["mean"] > -1, "p_fall"] > 0.05).all()
    assert (curves["bound"] >= curves["high"]).all()
    four: Any = curve_table(sweep_table(samples=4))
    assert (four["p_fall"] >= 2.0**-4).all(), "of four samples chance gives all falls in 1 of 16"


def test_points_without_an_edge_say_so_and_others_without_a_value_do_not() -> None:
    table = sweep_table(samples=6)
    gone = (table["flow"] == "video -> question") & (table["layer"] == 3)
    lost = (table["flow"] == "video -> question") & (table["layer"] == 4)
    table.loc[lost, "change_percent"] = np.nan
    summary = curve_table(table.assign(edges_percent=100.0 - 100.0 * gone))
    found = layers_without_edges(summary)
    assert set(found["layer"]) == {3}
    assert set(found["flow"]) == {"video -> question"}
    assert set(found["n"]) == {0}
    four = summary[(summary["flow"] == "video -> question") & (summary["layer"] == 4)]
    assert all(str(note).startswith("no usable sample") for note in four["note"])
