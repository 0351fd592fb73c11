"""Effects of windows that have no place on the layer axis: one bar a flow and window."""

from __future__ import annotations

import html
from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from workbench.figures.parts.bars import interval_bars
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid
from workbench.figures.parts.headlines import headline
from workbench.figures.parts.template import LineStyle, line_styles
from workbench.figures.parts.text import arrows, flow_label, plain, task_name
from workbench.statistics.curves import Point, curve_points, curves_of, layers_without_edges
from workbench.statistics.structural import NO_EDGE


def total_effects(
    table: pd.DataFrame,
    *,
    title: str | None = None,
    columns: int | None = None,
    caption: bool = True,
    seed: int = 0,
    styles: Mapping[str, LineStyle] | None = None,
) -> Figure:
    """Mean change of the answer's probability with its 95% bootstrap interval, a bar a flow, a panel a task.

    For windows such as all_layers, first_half or layers(a, b). Several windows give a bar each. `table` is as
    in `information_flow`; `styles` are the flows' colours, by default their own.
    """
    summary = curves_of(table, seed=seed)
    points = curve_points(summary)
    gone = dict.fromkeys(map(str, layers_without_edges(summary)["flow"]))
    windows = list(dict.fromkeys(point.window for point in points))

    def row_of(point: Point) -> str:
        return flow_label(point.flow) + (f"<br>{plain(point.window)}" if len(windows) > 1 else "")

    tasks = list(dict.fromkeys(point.task for point in points))
    rows = list(dict.fromkeys(row_of(point) for point in points))
    if styles is None:
        styles = line_styles(point.flow for point in points)
    counts = {task: max(point.n for point in points if point.task == task) for task in tasks}
    panels = grid(
        [f"<b>{plain(task_name(task))}</b>, n = {counts[task]}" for task in tasks],
        columns=columns,
        title="What the answer loses when a flow is cut" if title is None else title,
        subtitle="Mean over samples, with its 95% bootstrap interval."
        + (f" Window: {windows[0]}." if len(windows) == 1 else ""),
        note=arrows(f"No bar: {', '.join(gone)}: {NO_EDGE}.") if gone else "",
        caption=arrows(headline(points)) if caption and len(windows) == 1 else "",
        panel_height=40 + (44 if len(windows) > 1 else 32) * len(rows),
        left=28
        + round(7.2 * max(len(part) for row in rows for part in arrows(html.unescape(row)).split("<br>"))),
    )
    for index, task in enumerate(tasks):
        panels.add_zero_line(index, vertical=True)
        mine = [point for point in points if point.task == task]
        panels.add(
            index,
            go.Bar(
                orientation="h",
                y=[row_of(point) for point in mine],
                x=[point.mean for point in mine],
                width=0.6,
                marker={"color": [styles[point.flow].color for point in mine], "opacity": 0.85},
                error_x=interval_bars([p.mean for p in mine], [p.low for p in mine], [p.high for p in mine]),
                customdata=[[f"{p.mean:+.1f}%", f"{p.low:+.1f} to {p.high:+.1f}%", p.n] for p in mine],
                hovertemplate="<b>%{y}</b><br>mean %{customdata[0]}, 95% interval %{customdata[1]}<br>"
                "n = %{customdata[2]}<extra></extra>",
                showlegend=False,
            ),
        )
    panels.fig.update_xaxes(showgrid=True, showticklabels=True)
    panels.fig.update_yaxes(
        categoryorder="array", categoryarray=rows[::-1], showgrid=False, ticks="", automargin=False
    )
    panels.name_axes(x="change of answer probability (%)")
    return panels.fig
