"""Panels of curves that share a legend: what every figure that compares several lines has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.curves import value_range
from workbench.figures.parts.banded import arrowheads, banded_line
from workbench.figures.parts.panels import grid, layer_axis
from workbench.figures.parts.template import LineStyle
from workbench.figures.parts.text import arrows, count_of, flow_label, layers_text, percent, plain
from workbench.statistics.curves import Point

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
        note="\n".join(filter(None, (note, _cut_axis(points, high)))),
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
                for trace in banded_line(line, styles[name], plain(name), _told(line), in_legend=key):
                    figure.add(index, trace)
                beyond = [point for point in line if point.mean > high]
                if beyond:
                    told = _told(beyond)
                    figure.add(index, arrowheads(beyond, styles[name], plain(name), told, ceiling=high))
        for row, remark in enumerate(panel.remarks):
            _write(figure.fig, index, row, plain(remark.words), styles[remark.line].color)
    layers = [point.layer for point in points]
    figure.fig.update_xaxes(**layer_axis(min(layers), max(layers)))
    figure.fig.update_yaxes(range=[low, high])
    figure.name_axes(x=_CENTRE, y=_EFFECT)
    return figure.fig


def _told(points: Sequence[Point]) -> list[str]:
    """What the hover text says of each point, safe for plotly."""
    said = []
    for point in points:
        lines = [
            f"{flow_label(point.flow)} cut in {layers_text(point.first_layer, point.last_layer)}",
            f"mean {point.mean:+.1f}%, 95% interval {point.low:+.1f} to {point.high:+.1f}%",
            f"n = {count_of(point.n, 'sample')}; ratio of means {percent(point.ratio_of_means)}",
        ]
        said.append("<br>".join([*lines, plain(point.note)] if point.note else lines))
    return said


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
