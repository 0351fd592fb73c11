"""Accuracy drop: a bar a task and window, with the share of right answers that a cut turns wrong."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.bars import interval_bars, label_bar
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid
from workbench.figures.parts.template import BLUE, INK, ORANGE, PURPLE, SKY, translucent
from workbench.figures.parts.text import arrows, layers_text, plain, task_name
from workbench.interventions import kind_of
from workbench.statistics.columns import require_columns

_COLORS = [BLUE, ORANGE, SKY, PURPLE]
_NEEDED = ("task", "flow", "window", "correct", "flips", "drop_percent", "low_percent", "high_percent")
_GAP = 0.28  # share of a task's height between its bars and the next task's


def accuracy_drops(drops: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Right answers that turn wrong, in percent, with the 95% Wilson interval; a group of bars a task.

    `drops` is a table of `accuracy_drop`. Its windows, and its flows where it has several, are the bars of a
    group. Raises RunError where columns or all rows are missing.
    """
    require_columns(drops, *_NEEDED, "first_layer", "last_layer", remedy="Pass one of accuracy_drop.")
    if drops.empty:
        raise RunError("The table has no rows, so there is no accuracy drop to draw.")
    rows: list[dict[Any, Any]] = drops.to_dict("records")
    flows = list(dict.fromkeys(row["flow"] for row in rows))
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    groups: dict[str, list[dict[Any, Any]]] = {}
    for row in rows:
        groups.setdefault(_name(row, several_flows=len(flows) > 1), []).append(row)
    flow = f"{arrows(flows[0])} is cut" if len(flows) == 1 else "a flow is cut"
    panels = grid(
        [""],
        columns=None,
        title=f"Right answers that turn wrong when {flow}" if title is None else title,
        subtitle="100 * flips / right answers of the untouched model, with its 95% Wilson interval.",
        legend=list(groups),
        caption=_summary(groups),
        panel_height=(26 * len(groups) + 18) * len(tasks),
        left=28 + round(7.6 * max(len(task_name(task)) for task in tasks)),
    )
    fig = panels.fig
    for place, (name, part) in enumerate(groups.items()):
        panels.add(0, _bars(name, part, _COLORS[place % len(_COLORS)]))
        offset = (place - (len(groups) - 1) / 2) * (1 - _GAP) / len(groups)
        for row in part:
            # A bar's own label would lie on its interval: the numbers stand in a column at the right.
            lost, count = f"{row['drop_percent']:.0f}%", f"{row['flips']} of {row['correct']}"
            label_bar(fig, tasks.index(row["task"]) + offset, lost, count, size=12)
    fig.update_layout(barmode="group", bargap=_GAP, margin={"r": 120})
    fig.update_xaxes(range=[0, 100.5], ticksuffix="%", showgrid=True, title_text="accuracy drop")
    fig.update_yaxes(
        categoryorder="array",
        categoryarray=[plain(task_name(task)) for task in tasks],
        range=[len(tasks) - 0.5, -0.5],
        showgrid=False,
        ticks="",
        ticksuffix="  ",
        automargin=False,
        tickfont={"size": 13, "color": INK},
    )
    return fig


def _name(row: dict[Any, Any], *, several_flows: bool) -> str:
    """ "first half, layers 1-6", with the flow before it where there are several."""
    kind = kind_of(row["window"])
    window = row["window"] if kind is None or kind.arguments else kind.name.replace("_", " ")
    of_flow = f"{arrows(row['flow'])}, " if several_flows else ""
    return f"{of_flow}{window}, {layers_text(int(row['first_layer']), int(row['last_layer']))}"


def _bars(name: str, part: list[dict[Any, Any]], color: str) -> go.Bar:
    return go.Bar(
        orientation="h",
        y=[plain(task_name(row["task"])) for row in part],
        x=[row["drop_percent"] for row in part],
        name=plain(name),
        marker={"color": translucent(color, 0.55)},
        error_x=interval_bars(
            [row["drop_percent"] for row in part],
            [row["low_percent"] for row in part],
            [row["high_percent"] for row in part],
            color,
        ),
        customdata=[[f"{row['flips']} of {row['correct']}"] for row in part],
        hovertemplate=f"<b>%{{y}}</b>, {plain(name)}<br>%{{x:.1f}}% lost: %{{customdata[0]}}<extra></extra>",
    )


def _summary(groups: dict[str, list[dict[Any, Any]]]) -> str:
    parts = [
        f"{name}: {sum(row['flips'] for row in part)} of {sum(row['correct'] for row in part)}"
        for name, part in groups.items()
    ]
    return f"Answers lost in all tasks together. {'; '.join(parts)}."
