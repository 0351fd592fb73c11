"""Figures of agreement: a line a method, a point a method, and the corner that is asked for."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.analyses.attribution.attributed import made_table
from workbench.analyses.attribution import agreement_table
from workbench.errors import RunError
from workbench.figures import agreement_by_cost, agreement_by_layer


def test_a_line_a_method_and_a_panel_a_task() -> None:
    figure: Any = agreement_by_layer(agreement_table(made_table(tasks=("a", "b_c"))))
    lines = [trace for trace in figure.data if trace.name]
    assert {trace.name for trace in lines} == {"local", "attention"}
    words = " ".join(str(one.text) for one in figure.layout.annotations)
    assert "All samples" in words
    assert "B C" in words


def test_a_point_a_method_by_its_cost() -> None:
    costs = pd.DataFrame(
        {"method": ["forward", "local", "attention", "exact"], "share": [0.01, 0.1, 0.1, 1.0]}
    )
    agreement = agreement_table(made_table())
    figure: Any = agreement_by_cost(agreement, costs)
    points = [trace for trace in figure.data if trace.name == "local"]
    assert [list(point.x) for point in points] == [[0.1], [0.1]]
    assert points[0].y[0] > 0.9
    corners = [shape for shape in figure.layout.shapes if shape.type == "rect"]
    assert {(corner.x1, corner.y0) for corner in corners} == {(0.2, 0.9)}
    with pytest.raises(RunError, match="share"):
        agreement_by_cost(agreement, costs.drop(columns="share"))
