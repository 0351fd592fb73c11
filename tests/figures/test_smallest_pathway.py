from __future__ import annotations

from typing import Any

import pytest

from tests.analyses.smallest.made import ROWS, made_blocks, made_curve, made_result, made_table
from tests.figures.drawn import bands, notes, panel_of
from workbench import figures
from workbench.errors import RunError


def test_every_set_is_a_point_at_its_edges_and_accuracy() -> None:
    fig: Any = figures.smallest_pathway(made_table(), *made_curve())
    points = {
        trace.name: list(zip(trace.x, trace.y, strict=True))
        for trace in fig.data
        if trace.name and trace.marker.size and panel_of(trace) == 0
    }
    assert points["smallest found"] == [(20.0, 97.0), (40.0, 99.0)]
    assert points["the paper's rule"] == [(64.0, 98.0)]
    assert points["random blocks"] == [(20.0, 20.0), (52.0, 25.0)], "draws together, once"
    assert (
        sum(map(len, points.values())) == len(ROWS) - 3
    )  # full is a line, none and single draws are not drawn
    assert "20%" in notes(fig)
    assert "64%" in notes(fig)


def test_faithfulness_has_a_panel_of_its_own_where_there_is_some() -> None:
    fig: Any = figures.smallest_pathway(made_table(), *made_curve())
    curves = [trace for trace in fig.data if panel_of(trace) == 1 and trace.mode == "lines+markers"]
    assert [list(curve.y) for curve in curves] == [[10.0, 50.0, 100.0]] * 2
    assert "by score: CPR 0.50, CMD 0.50" in notes(fig)
    alone: Any = figures.smallest_pathway(made_table())
    assert {panel_of(trace) for trace in alone.data} == {0}
    assert len(bands(alone)) == 2
    empty: Any = figures.smallest_pathway(made_table(), *(part.iloc[:0] for part in made_curve()))
    assert {panel_of(trace) for trace in empty.data} == {0}


def test_a_task_can_be_chosen() -> None:
    table = made_table(("moving_direction", "all"))
    assert "Moving Direction" in notes(figures.smallest_pathway(table, task="moving_direction"))
    assert "All tasks" in notes(figures.smallest_pathway(table))
    with pytest.raises(RunError, match="no task 'b'"):
        figures.smallest_pathway(table, task="b")
    with pytest.raises(RunError, match="no rows"):
        figures.smallest_pathway(table.iloc[:0])


def test_the_grid_counts_open_heads() -> None:
    fig: Any = figures.open_blocks(made_blocks(), 4)
    (heat,) = fig.data
    assert [list(row) for row in heat.z] == [[0.5, 0.0, 0.0]] * 2
    assert [list(row) for row in heat.text] == [["2", "", ""]] * 2
    assert "open heads 0,3" in heat.customdata[0][0]
    with pytest.raises(RunError, match="no rows"):
        figures.open_blocks(made_blocks().iloc[:0], 4)


def test_a_result_draws_itself() -> None:
    found = made_result(note="Careful.")
    assert "Careful." in notes(found.figure())
    grid: Any = found.grid_figure()
    assert len(grid.data) == 1
