"""Accuracy with only the effective pathways open, next to random edges: one bar a setting."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from workbench.analyses.pathways.points_lost import ALL_SEEDS, ALL_TASKS, EFFECTIVE, FULL, RANDOM
from workbench.errors import RunError
from workbench.figures.parts.bars import interval_bars
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid
from workbench.figures.parts.template import BLUE, INK, MUTED, ORANGE, translucent
from workbench.figures.parts.text import plain, task_name
from workbench.statistics.columns import require_columns

_NEEDED = (
    *("task", "setting", "mode", "seed", "samples"),
    *("accuracy_percent", "low_percent", "high_percent", "edges_percent"),
)
_GREY = "#8a8a8a"
_COLORS = {FULL: _GREY, EFFECTIVE: BLUE, RANDOM: ORANGE}
_NAMES = {FULL: "full model", EFFECTIVE: "pathways", RANDOM: "random edges"}


class Bar(NamedTuple):
    """One row of the table, as it is drawn."""

    setting: str
    label: str
    accuracy: float
    low: float
    high: float
    edges: float
    samples: int
    seeds: tuple[float, ...]
    """Accuracy of each random control."""


def sufficiency(
    table: pd.DataFrame,
    *,
    task: str | None = None,
    title: str | None = None,
    columns: int | None = None,
    note: str = "",
) -> Figure:
    """Accuracy by setting, a panel a task, with 95% intervals; dots are single random controls.

    `table` is that of `suffice(..)`; `task` chooses one task, or "all"; `note` is a remark
    below. The number at the right is the share
    of attention edges that are left. Raises RunError for other columns, no rows or an unknown task.
    """
    require_columns(table, *_NEEDED, remedy="Pass the table of suffice(..).")
    if table.empty:
        raise RunError("The table has no rows, so there is nothing to draw.")
    known = list(dict.fromkeys(table["task"]))
    if task is not None and task not in known:
        raise RunError(f"The table has no task {task!r}. It has {', '.join(map(repr, known))}.")
    tasks = [task] if task is not None else sorted(known, key=lambda name: name != ALL_TASKS)
    bars = {name: _bars(table, name) for name in tasks}
    labels = list(dict.fromkeys(bar.label for name in tasks for bar in bars[name]))
    panels = grid(
        [f"<b>{_heading(name)}</b>, n = {bars[name][0].samples}" for name in tasks],
        columns=columns,
        title="Are the effective pathways enough?" if title is None else title,
        subtitle="Correct answers with 95% intervals when only the pathways are open, and when as many "
        "edges are closed at random (dots: single draws). Grey numbers: attention edges left.",
        note=note,
        panel_height=10 + 28 * len(labels),
        left=28 + round(6.9 * max(map(len, labels))),
    )
    for index, name in enumerate(tasks):
        for trace in _traces(bars[name], labels):
            panels.add(index, trace)
    panels.fig.update_xaxes(
        range=[0, 121],
        tickmode="array",
        tickvals=[0, 25, 50, 75, 100],
        ticktext=["0%", "25%", "50%", "75%", "100%"],
        showgrid=True,
        showticklabels=True,
    )
    panels.fig.update_yaxes(
        range=[len(labels) - 0.5, -0.5],
        tickmode="array",
        tickvals=list(range(len(labels))),
        ticktext=[f"{plain(label)}  " for label in labels],
        showgrid=False,
        ticks="",
        ticksuffix="  ",
        tickfont={"size": 13, "color": INK},
        automargin=False,
    )
    panels.fig.update_layout(barmode="overlay")
    panels.name_axes(x="correct answers")
    return panels.fig


def _heading(task: str) -> str:
    return "All tasks" if task == ALL_TASKS else plain(task_name(task))


def _bars(table: pd.DataFrame, task: str) -> list[Bar]:
    rows: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()}
        for row in table.to_dict("records")
        if row["task"] == task
    ]
    made = []
    for row in rows:
        if row["setting"] == RANDOM and row["seed"] != ALL_SEEDS:
            continue
        name, mode = _NAMES.get(row["setting"], row["setting"]), row["mode"]
        seeds = tuple(
            float(other["accuracy_percent"])
            for other in rows
            if other["setting"] == row["setting"] == RANDOM
            and other["mode"] == mode
            and other["seed"] != ALL_SEEDS
        )
        made.append(
            Bar(
                row["setting"],
                f"{name}, {mode}" if mode else name,
                float(row["accuracy_percent"]),
                float(row["low_percent"]),
                float(row["high_percent"]),
                float(row["edges_percent"]),
                int(row["samples"]),
                seeds,
            )
        )
    return made


def _traces(bars: list[Bar], labels: list[str]) -> list[Any]:
    rows = [labels.index(bar.label) for bar in bars]
    traces: list[Any] = [
        go.Bar(
            orientation="h",
            y=rows,
            x=[bar.accuracy for bar in bars],
            width=0.62,
            marker={"color": [translucent(_COLORS.get(bar.setting, _GREY), 0.45) for bar in bars]},
            error_x=interval_bars(
                [bar.accuracy for bar in bars], [bar.low for bar in bars], [bar.high for bar in bars]
            ),
            customdata=[
                [plain(bar.label), f"{bar.low:.0f} to {bar.high:.0f}%", f"{bar.edges:.1f}%", bar.samples]
                for bar in bars
            ],
            hovertemplate="<b>%{customdata[0]}</b><br>%{x:.1f}% correct, 95% interval %{customdata[1]}<br>"
            "%{customdata[2]} of the edges, n = %{customdata[3]}<extra></extra>",
            showlegend=False,
        ),
        go.Scatter(
            mode="text",
            y=rows,
            x=[120.5] * len(bars),
            text=[f"{bar.edges:.0f}%" for bar in bars],
            textposition="middle left",
            textfont={"size": 12, "color": MUTED},
            hoverinfo="skip",
            showlegend=False,
        ),
    ]
    dots = [(row, value) for row, bar in zip(rows, bars, strict=True) for value in bar.seeds]
    if dots:
        traces.append(
            go.Scatter(
                mode="markers",
                y=[row for row, _ in dots],
                x=[value for _, value in dots],
                marker={"size": 6, "color": ORANGE, "line": {"width": 1, "color": "#ffffff"}},
                hovertemplate="one draw: %{x:.1f}% correct<extra></extra>",
                showlegend=False,
            )
        )
    return traces
