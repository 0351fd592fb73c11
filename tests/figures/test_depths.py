"""Curves by depth: what is drawn is what the tables hold."""

from __future__ import annotations

from typing import Any

import pytest

from tests.figures.study_tables import N_LAYERS, knees, shares
from workbench.errors import RunError
from workbench.figures import accuracy_by_depth


def lines(figure: Any) -> list[Any]:
    return [trace for trace in figure.data if trace.mode == "lines+markers"]


def test_a_panel_a_group_with_knee_and_levels() -> None:
    figure: Any = accuracy_by_depth(shares(), knees(), N_LAYERS)
    assert len(lines(figure)) == 2
    assert list(lines(figure)[0].x) == [0, 0.25, 0.5, 0.75, 1]
    assert list(lines(figure)[0].y) == [30, 42.5, 55, 67.5, 80]
    levels = {trace.name: trace.y[0] for trace in figure.data if trace.name}
    assert levels == {"untouched model": 80, "no video": 30, "chance": 25}
    upright = [trace for trace in figure.data if trace.mode == "lines" and trace.x[0] == trace.x[1] == 0.75]
    assert len(upright) == 2, "the knee of each group"


def test_the_performance_ratio_is_over_the_untouched_model() -> None:
    figure: Any = accuracy_by_depth(shares(), knees(), N_LAYERS, ratio=True)
    assert list(lines(figure)[0].y) == pytest.approx([30 / 80, 42.5 / 80, 55 / 80, 67.5 / 80, 1])
    levels = {trace.name: trace.y[0] for trace in figure.data if trace.name}
    assert levels == pytest.approx({"untouched model": 1, "no video": 30 / 80, "chance": 25 / 80})


def test_names_are_only_text() -> None:
    figure: Any = accuracy_by_depth(shares(groups=("<b>x",)), knees(groups=("<b>x",)), N_LAYERS)
    assert "&lt;b&gt;x" in figure.layout.annotations[0].text


def test_a_table_without_depths_is_refused() -> None:
    with pytest.raises(RunError, match="no curve"):
        accuracy_by_depth(shares().query("case == 'untouched'"), knees(), N_LAYERS)
    with pytest.raises(RunError, match="case_shares"):
        accuracy_by_depth(knees(), knees(), N_LAYERS)
