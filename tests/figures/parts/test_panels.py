from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.figures.drawn import lines, notes, panel_of
from tests.figures.tables import FLOWS, sweep_table
from workbench.figures import information_flow


def test_panels_share_both_axes_and_show_layers_from_1() -> None:
    fig: Any = information_flow(sweep_table(samples=10))
    for axis in ("xaxis", "yaxis"):
        followed = {fig.layout[f"{axis}{number}"].matches for number in ("", 2, 3, 4, 5)} - {None}
        ranges = {fig.layout[f"{axis}{number}"].range for number in ("", 2, 3, 4, 5)}
        assert len(followed) == len(ranges) == 1
    low, high = fig.layout.yaxis.range
    assert low < -80
    assert 0 < high < 30
    assert fig.layout.xaxis.range[0] == pytest.approx(0.4)


def test_an_outlier_does_not_flatten_the_others_and_is_told() -> None:
    table = sweep_table()
    at = (table["task"] == "object_count") & (table["flow"] == "last -> last") & (table["layer"] == 6)
    table.loc[at, "change_percent"] = np.linspace(380, 420, 10)
    fig: Any = information_flow(table)
    assert fig.layout.yaxis.range[1] < 80
    marks = [trace for trace in fig.data if trace.mode == "markers+text"]
    assert len(marks) == 1
    assert list(marks[0].text) == ["+400%"]
    assert marks[0].y[0] == fig.layout.yaxis.range[1]
    assert "above the axis" in marks[0].customdata[0][0]
    assert "1 mean (▲)" in notes(fig)
    line = next(t for t in lines(fig) if t.name == marks[0].name and panel_of(t) == panel_of(marks[0]))
    assert line.y[5] == pytest.approx(400), "the curve itself is not bent"


def test_curves_that_all_rise_are_shown_whole() -> None:
    table = sweep_table({"t": {flow: [0.0] * 12 for flow in FLOWS}})
    table["change_percent"] = 150.0 + table["layer"]
    fig: Any = information_flow(table)
    assert fig.layout.yaxis.range[1] > 162
    assert "The axis ends" not in notes(fig)


def test_small_effects_are_not_blown_up_to_fill_the_panel() -> None:
    fig: Any = information_flow(sweep_table({"t": {}}))
    assert fig.layout.yaxis.range[0] <= -20
