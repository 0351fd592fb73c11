from __future__ import annotations

import pytest

from tests.figures.drawn import lines
from tests.figures.tables import sweep_table
from workbench.figures import information_flow
from workbench.statistics.bootstrap import bootstrap_mean


def test_a_curve_of_one_point_shows_its_interval() -> None:
    table = sweep_table({"t": {"video -> text": [-40.0] * 12}}, flows=("video -> text",))
    table = table.query("layer == 7").assign(window="after(7)")
    fig = information_flow(table)
    point = bootstrap_mean(table["change_percent"])
    (line,) = lines(fig)
    assert line.error_y.array[0] == pytest.approx(point.high - point.mean)
    assert line.error_y.arrayminus[0] == pytest.approx(point.mean - point.low)
