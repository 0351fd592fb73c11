"""Levels are lines through a panel, each once in the legend."""

from __future__ import annotations

from workbench.figures.parts.grid import grid
from workbench.figures.parts.levels import add_levels


def test_levels_run_along_or_upright_and_are_named_once() -> None:
    panels = grid(["a", "b"], columns=None, title="t")
    add_levels(panels, 0, {"chance": 25.0}, (0, 1))
    add_levels(panels, 1, {"chance": 25.0, "no video": 30.0}, (0, 1), upright=True)
    along, *upright = panels.fig.data
    assert (list(along.x), list(along.y)) == ([0, 1], [25, 25])
    assert [(trace.name, list(trace.x), list(trace.y)) for trace in upright] == [
        ("no video", [30, 30], [0, 1]),
        ("chance", [25, 25], [0, 1]),
    ]
    assert [trace.showlegend for trace in panels.fig.data] == [True, True, False]
