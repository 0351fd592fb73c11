from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from workbench.analyses.pathways.points_lost import suffice_table
from workbench.errors import RunError
from workbench.figures import sufficiency


def table(tasks: tuple[str, ...] = ("count", "<b>order</b>")) -> pd.DataFrame:
    rows = []
    for task in tasks:
        for number in range(20):
            for setting, mode, seed, right, edges in (
                ("full", "", -1, 18, 100),
                ("effective", "strict", -1, 17, 43),
                ("random", "strict", 0, 8, 43),
                ("random", "strict", 1, 12, 43),
            ):
                rows.append(
                    {
                        "sample_id": f"{task}{number}",
                        "task": task,
                        "setting": setting,
                        "mode": mode,
                        "seed": seed,
                        "p_base": 0.9,
                        "change_percent": -1.0,
                        "correct": number < right,
                        "edges_full": 100,
                        "edges_kept": edges,
                        "edges_kept_by_masks": edges,
                    }
                )
    return suffice_table(pd.DataFrame(rows))


def test_a_bar_a_setting_with_its_interval_and_a_dot_a_draw() -> None:
    fig: Any = sufficiency(table(("count",)))
    bars, edges, dots = fig.data
    assert list(bars.y) == [0, 1, 2]
    labels = [label.strip() for label in fig.layout.yaxis.ticktext]
    assert labels == ["full model", "pathways, strict", "random edges, strict"]
    assert list(fig.layout.yaxis.range) == [2.5, -0.5], "the whole of every bar is seen"
    assert list(bars.x) == [90, 85, 50]
    assert list(edges.text) == ["100%", "43%", "43%"]
    assert sorted(dots.x) == [40, 60]
    assert all(value >= 0 for value in (*bars.error_x.array, *bars.error_x.arrayminus))


def test_a_panel_a_task_and_all_together_first() -> None:
    fig: Any = sufficiency(table(), note="Few samples.")
    titles = [note.text for note in fig.layout.annotations if "n = " in note.text]
    assert titles == [
        "<b>All tasks</b>, n = 40",
        "<b>Count</b>, n = 20",
        "<b>&lt;b&gt;order&lt;/b&gt;</b>, n = 20",
    ]
    assert any("Few samples." in note.text for note in fig.layout.annotations)
    one: Any = sufficiency(table(), task="count")
    assert len([note for note in one.layout.annotations if "n = " in note.text]) == 1


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(RunError, match="lacks the column edges_percent"):
        sufficiency(table().drop(columns="edges_percent"))
    with pytest.raises(RunError, match="no rows"):
        sufficiency(table().iloc[:0])
    with pytest.raises(RunError, match="no task 'x'"):
        sufficiency(table(), task="x")
