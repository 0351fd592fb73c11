"""Figures that compare lines: every number in its place, and what is missing said."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.figures.drawn import lines, panel_of
from tests.figures.tables import sweep_table
from workbench.errors import RunError
from workbench.figures import models_compared, windows_compared
from workbench.statistics.curves import curve_table

FLOW = "frames -> later frames"
TASKS = ("action_antonym", "moving_direction")


def curves_of(model: str, tasks: tuple[str, ...], depth: float, samples: int = 8) -> pd.DataFrame:
    shapes = {task: {FLOW: [0.0] * 4 + [depth] * 3 + [0.0] * 5} for task in tasks}
    return curve_table(sweep_table(shapes, flows=(FLOW,), samples=samples)).assign(model=model)


def count(model: str, task: str, correct: int, *, samples: int = 8, above: bool = True) -> dict[str, Any]:
    note = "" if correct else f"0 of {samples} right"
    numbers = {"samples": samples, "correct": correct, "used": correct, "chance_percent": 25.0}
    return {"model": model, "task": task, **numbers, "above_chance": above, "note": note}


CURVES = pd.concat([curves_of("video", TASKS, -60), curves_of("image", TASKS[:1], 0)], ignore_index=True)
COUNTS = pd.DataFrame(
    [
        count("video", TASKS[0], 8),
        count("image", TASKS[0], 3, above=False),
        count("video", TASKS[1], 8),
        count("image", TASKS[1], 0, above=False),
    ]
)


def notes(fig: Any) -> str:
    words = " | ".join(
        note.text.replace("\u00a0", " ").replace("<br>", " ") for note in fig.layout.annotations
    )
    return words.replace("<b>", "").replace("</b>", "")


def test_a_panel_a_task_and_a_line_a_model_with_every_value() -> None:
    fig: Any = models_compared(CURVES, COUNTS)
    found = {(panel_of(line), line.name): line for line in lines(fig)}
    assert set(found) == {(0, "video"), (0, "image"), (1, "video")}
    for (panel, model), line in found.items():
        part = CURVES[(CURVES["model"] == model) & (CURVES["task"] == TASKS[panel])]
        assert list(line.x) == list(range(1, 13))
        assert list(line.y) == pytest.approx(part["mean"].tolist())
    bands = [trace for trace in fig.data if trace.fill == "toself" and panel_of(trace) == 1]
    part = CURVES[(CURVES["model"] == "video") & (CURVES["task"] == TASKS[1])]
    assert list(bands[0].y) == pytest.approx([*part["high"], *part["low"][::-1]])


def test_guesses_and_missing_curves_are_said() -> None:
    said = notes(models_compared(CURVES, COUNTS))
    assert "3 of 8*" in said
    assert "8 of 8<" in said, "no mark for the model that knows"
    assert "image: no curve, 0 of 8 right" in said
    assert "* Not clearly above chance" in said
    assert "image in Action Antonym (3 of 8 right, 25% by guessing), Moving Direction (0 of 8" in said
    assert "video in" not in said
    assert "video: -" in said
    assert "image: no clear fall" in said


def test_the_samples_behind_the_curves_are_named() -> None:
    assert "samples that each model answers" in notes(models_compared(CURVES, COUNTS))
    assert "samples that every model answers" in notes(models_compared(CURVES, COUNTS, common=True))
    every = COUNTS.assign(used=8)
    assert "all samples, wrong answers too" in notes(models_compared(CURVES, every))


def test_each_model_has_one_entry_in_the_legend() -> None:
    keys = [trace for trace in lines(models_compared(CURVES, COUNTS)) if trace.showlegend]
    assert sorted((key.legendrank, key.name) for key in keys) == [(1, "video"), (2, "image")]


def test_several_flows_have_panels_of_their_own() -> None:
    other = CURVES.assign(flow="video -> question")
    fig: Any = models_compared(pd.concat([CURVES, other]), COUNTS)
    assert {panel_of(line) for line in lines(fig)} == {0, 1, 2, 3}
    assert "Moving Direction: video → question" in notes(fig)


def test_a_title_too_long_for_its_panel_has_its_name_on_a_line_of_its_own() -> None:
    flows = (FLOW, "video -> question")
    tasks = (*TASKS, "object_count")
    table = sweep_table({task: {flow: [-50.0] * 12 for flow in flows} for task in tasks}, flows=flows)
    curves = curve_table(table).assign(model="video")
    counts = pd.DataFrame([count("video", task, 8) for task in tasks])
    long: Any = models_compared(curves, counts)
    assert long.layout.annotations[0].text.startswith("<b>Action Antonym</b><br>frames")
    alone: Any = models_compared(curves.query("flow == @FLOW"), counts)
    assert alone.layout.annotations[0].text.startswith("<b>Action Antonym</b>, n = ")
    # The second line has room of its own, above the panels and between two rows of them.
    assert long.layout.margin.t > alone.layout.margin.t
    rows = long.layout.yaxis.domain[0] - long.layout.yaxis4.domain[1]
    inner = long.layout.height - long.layout.margin.t - long.layout.margin.b
    assert rows * inner > 66 + 14


def test_models_of_another_depth_name_their_windows() -> None:
    mixed = CURVES.assign(window=["centred(9)" if m == "image" else "centred(3)" for m in CURVES["model"]])
    assert "Windows: centred(3) in video, centred(9) in image." in notes(models_compared(mixed, COUNTS))


def test_outliers_are_marked_at_the_end_of_the_axis() -> None:
    wild = CURVES.copy()
    wild.loc[3, ["mean", "high"]] = [300.0, 400.0]
    fig: Any = models_compared(wild, COUNTS)
    (marks,) = [trace for trace in fig.data if trace.mode == "markers+text"]
    assert marks.y[0] == fig.layout.yaxis.range[1] < 100
    assert "1 mean (▲), up to +300%, and 1 interval end, up to +400%" in notes(fig)


def test_names_are_drawn_and_not_read_as_html() -> None:
    fig = models_compared(
        CURVES.replace({"video": "<b>x"}).replace({TASKS[0]: "<i>t"}),
        COUNTS.replace({"video": "<b>x"}).replace({TASKS[0]: "<i>t"}),
    )
    assert "&lt;i&gt;t" in notes(fig)
    assert "<i>t" not in notes(fig)
    assert all("<b>x" not in trace.name for trace in lines(fig))


WINDOWS = curve_table(
    pd.concat(
        [
            sweep_table({TASKS[0]: {FLOW: [depth] * 12}}, flows=(FLOW, "video -> question"), samples=6, k=k)
            for k, depth in ((1, -10.0), (3, -40.0), (5, -80.0))
        ]
    )
)


def test_a_panel_a_flow_and_a_line_a_window() -> None:
    fig = windows_compared(WINDOWS, note="Scaled.")
    found = {(panel_of(line), line.name): line for line in lines(fig)}
    assert set(found) == {(panel, f"centred({k})") for panel in (0, 1) for k in (1, 3, 5)}
    part = WINDOWS[(WINDOWS["window"] == "centred(3)") & (WINDOWS["flow"] == FLOW)]
    assert list(found[0, "centred(3)"].y) == pytest.approx(part["mean"].tolist())
    said = notes(fig)
    assert "frames → later frames, n = 6" in said
    assert "Task: Action Antonym." in said
    assert "Scaled." in said


def test_several_tasks_have_a_row_each() -> None:
    both = pd.concat([WINDOWS, WINDOWS.assign(task="b")])
    fig: Any = windows_compared(both)
    assert {panel_of(line) for line in lines(fig)} == {0, 1, 2, 3}
    assert fig.layout.xaxis3.domain == fig.layout.xaxis.domain, "two flows beside each other"
    assert "frames → later frames, Action Antonym, n = 6" in notes(fig)


def test_tables_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(RunError, match="lacks the column model"):
        models_compared(CURVES.drop(columns="model"), COUNTS)
    with pytest.raises(RunError, match="lacks the column above_chance"):
        models_compared(CURVES, COUNTS.drop(columns="above_chance"))
    with pytest.raises(RunError, match="no rows"):
        windows_compared(WINDOWS.iloc[:0])
    with pytest.raises(RunError, match="No curve has a usable sample"):
        windows_compared(WINDOWS.assign(n=0))


def test_lines_have_gaps_where_there_was_nothing_to_cut() -> None:
    table = sweep_table({"t": {"video -> question": [-30.0] * 12}})
    gone = (table["flow"] == "video -> question") & (table["layer"] == 6)
    fig: Any = windows_compared(curve_table(table.assign(edges_percent=100.0 - 100.0 * gone)))
    crosses = [one for one in fig.data if one.name == "no such edge in the model"]
    assert [list(one.x) for one in crosses] == [[6]]
    assert sum(None in list(one.x) for one in lines(fig)) == 1
