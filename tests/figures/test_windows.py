"""Change of accuracy by window: what is drawn is what the tables hold."""

from __future__ import annotations

from typing import Any

from tests.figures.study_tables import shares, window_rows
from workbench.figures import change_by_window


def test_windows_that_stand_out_are_ringed() -> None:
    figure: Any = change_by_window(shares(groups=("all",)), window_rows(marked=2))
    (line,) = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert list(line.x) == [0, 1, 2, 3, 4]
    assert list(line.y) == [-50, -37.5, -25, -12.5, 0]
    (rings,) = [trace for trace in figure.data if trace.mode == "markers"]
    assert (list(rings.x), list(rings.y)) == ([2], [-25])
    levels = {trace.name: trace.y[0] for trace in figure.data if trace.name in ("no video", "chance")}
    assert levels == {"no video": -50, "chance": -55}
    low, high = figure.layout.yaxis.range
    assert low <= -60
    assert high >= 10


def test_nothing_is_ringed_where_nothing_stands_out() -> None:
    figure: Any = change_by_window(shares(groups=("all",)), window_rows(marked=0))
    assert not [trace for trace in figure.data if trace.mode == "markers"]
