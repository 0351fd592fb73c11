"""Panels of curves that share a legend: what every figure that compares several lines has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from workbench.analyses.statistics import Point
from workbench.errors import RunError
from workbench.figures.curves import value_range
from workbench.figures.panels import Grid, grid, layer_axis
from workbench.figures.template import LineStyle, translucent
from workbench.figures.text import arrows, count_of, flow_label, layers_text, percent, plain

_EFFECT = "change of answer probability (%)"
_CENTRE = "layer (centre of the cut window)"


class Remark(NamedTuple):
    """Words inside a panel, in the colour of a line."""

    line: str
    words: str


class Panel(NamedTuple):
    """One panel and the curves in it."""

    title: str
    """Safe for plotly."""
    curves: Mapping[str, Sequence[Point]]
    """The points of each line, by its name; a line may have none."""
    remarks: Sequence[Remark] = ()


def draw_panels(
    panels: Sequence[Panel],
    styles: Mapping[str, LineStyle],
    *,
    title: str,
    subtitle: str,
    note: str,
    caption: str,
    columns: int | None,
) -> go.Figure:
    """Curves by centre layer with their bands, all panels on the same axes; lines in the order of `styles`.

    Raises RunError where no panel has a point.
    """
    points = [point for panel in panels for line in panel.curves.values() for point in line]
    if not points:
        raise RunError("No curve has a usable sample, so there is nothing to draw. Use more samples.")
    low, high = value_range(points)
    if any(panel.remarks for panel in panels):
        low -= 0.14 * (high - low)  # so that no curve runs through the words
    figure = grid(
        [panel.title for panel in panels],
        columns=columns,
        title=title,
        subtitle=subtitle,
        legend=list(styles),
        note=" ".join(filter(None, (note, _cut_axis(points, high)))),
        caption=arrows(caption),
    )
    shown: set[str] = set()
    for index, panel in enumerate(panels):
        figure.add_zero_line(index)
        for name in reversed(list(styles)):  # the first line lies on top
            line = panel.curves.get(name)
            if line:
                key = {"showlegend": name not in shown, "legendrank": list(styles).index(name) + 1}
                shown.add(name)
                _add_line(figure, index, line, name, styles[name], key, ceiling=high)
        for row, remark in enumerate(panel.remarks):
            _write(figure.fig, index, row, plain(remark.words), styles[remark.line].color)
    layers = [point.layer for point in points]
    figure.fig.update_xaxes(**layer_axis(min(layers), max(layers)))
    figure.fig.update_yaxes(range=[low, high])
    figure.name_axes(x=_CENTRE, y=_EFFECT)
    return figure.fig


def _add_line(
    figure: Grid,
    index: int,
    line: Sequence[Point],
    name: str,
    style: LineStyle,
    key: dict[str, Any],
    *,
    ceiling: float,
) -> None:
    layers = [point.layer for point in line]
    told = {
        "name": plain(name),
        "legendgroup": plain(name),
        "hovertemplate": f"<b>{plain(name)}</b><br>%{{customdata[0]}}<extra></extra>",
    }
    band = go.Scatter(
        x=layers + layers[::-1],
        y=[point.high for point in line] + [point.low for point in line][::-1],
        fill="toself",
        fillcolor=translucent(style.color, 0.14),
        line={"width": 0},
        mode="lines",
        name=told["name"],
        legendgroup=told["legendgroup"],
        hoverinfo="skip",
        showlegend=False,
    )
    curve = go.Scatter(
        x=layers,
        y=[point.mean for point in line],
        mode="lines+markers",
        line={"color": style.color, "dash": style.dash, "width": 2.2},
        marker={"color": style.color, "symbol": style.symbol, "size": 7},
        customdata=[[_told(point)] for point in line],
        **told,
        **key,
    )
    figure.add(index, band)
    figure.add(index, curve)
    beyond = [point for point in line if point.mean > ceiling]
    if beyond:
        arrowheads = go.Scatter(
            x=[point.layer for point in beyond],
            y=[ceiling] * len(beyond),
            mode="markers",
            marker={"color": style.color, "symbol": "triangle-up", "size": 11},
            cliponaxis=False,
            customdata=[[_told(point)] for point in beyond],
            showlegend=False,
            **told,
        )
        figure.add(index, arrowheads)


def _told(point: Point) -> str:
    """What the hover text says of a point, safe for plotly."""
    lines = [
        f"{flow_label(point.flow)} cut in {layers_text(point.first_layer, point.last_layer)}",
        f"mean {point.mean:+.1f}%, 95% interval {point.low:+.1f} to {point.high:+.1f}%",
        f"n = {count_of(point.n, 'sample')}; ratio of means {percent(point.ratio_of_means)}",
    ]
    return "<br>".join([*lines, plain(point.note)] if point.note else lines)


def _cut_axis(points: Sequence[Point], ceiling: float) -> str:
    """What lies above the end of the axis; empty where nothing does."""
    ends = [point.high for point in points if point.high > ceiling]
    means = [point.mean for point in points if point.mean > ceiling]
    if not ends:
        return ""
    above = f"{count_of(len(means), 'mean')} (▲), up to {percent(max(means))}, and " if means else ""
    intervals = f"{count_of(len(ends), 'interval end')}, up to {percent(max(ends))}"
    return f"The axis ends at {percent(ceiling)}; above it: {above}{intervals}."


def _write(fig: go.Figure, index: int, row: int, words: str, color: str) -> None:
    number = index + 1 if index else ""
    fig.add_annotation(
        text=words,
        xref=f"x{number} domain",
        yref=f"y{number} domain",
        x=0.03,
        y=0.02 + 0.1 * row,
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        bgcolor="rgba(255,255,255,0.85)",
        font={"size": 12, "color": color},
    )
