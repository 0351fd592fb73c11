"""Panels of curves by layer on the same axes, with one legend: what all figures of curves have in common."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.banded import arrowheads, banded_line
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid, layer_axis
from workbench.figures.parts.template import LineStyle
from workbench.figures.parts.text import arrows, count_of, flow_label, layers_text, percent, plain
from workbench.interventions import axis_of
from workbench.statistics.curves import Point
from workbench.statistics.structural import NO_EDGE

_NO_EDGE = "no such edge in the model"
_EFFECT = "change of answer probability (%)"


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
    gaps: Mapping[str, Collection[int]] = MappingProxyType({})
    """By line, the layers in which the model has none of the edges that are cut."""


def draw_panels(
    panels: Sequence[Panel],
    styles: Mapping[str, LineStyle],
    *,
    title: str,
    subtitle: str,
    note: str,
    caption: str,
    columns: int | None,
    faint: Collection[str] = (),
) -> Figure:
    """Curves by layer with their bands, all panels on the same axes; lines in the order of `styles`.

    `faint` names lines to draw faint, below the others. Raises RunError where no panel has a point.
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
        legend=[flow_label(name) for name in styles] + ([_NO_EDGE] if any(p.gaps for p in panels) else []),
        note="\n".join(filter(None, (note, _cut_axis(points, high)))),
        caption=arrows(caption),
    )
    # Where curves meet at 0, the first line lies on top, and the faint ones below.
    backwards = list(styles)[::-1]
    layered = [name for name in backwards if name in faint] + [n for n in backwards if n not in faint]
    shown: set[str] = set()
    for index, panel in enumerate(panels):
        figure.add_zero_line(index)
        for name in layered:
            line = panel.curves.get(name)
            if not line:
                continue
            key = {"showlegend": name not in shown, "legendrank": list(styles).index(name) + 1}
            shown.add(name)
            look = (styles[name], flow_label(name))
            opacity = 0.4 if name in faint else None
            told = [_told(point, name, high) for point in line]
            gaps = panel.gaps.get(name, ())
            for trace in banded_line(line, *look, told, in_legend=key, opacity=opacity, gaps=gaps):
                figure.add(index, trace)
            beyond = [point for point in line if point.mean > high]
            if beyond:
                told = [_told(point, name, high) for point in beyond]
                text = [percent(point.mean) for point in beyond]
                figure.add(index, arrowheads(beyond, *look, told, ceiling=high, text=text, opacity=opacity))
        for name, gaps in panel.gaps.items():
            figure.add(index, _missing(gaps, styles[name], flow_label(name), legend=_NO_EDGE not in shown))
            shown.add(_NO_EDGE)
        for row, remark in enumerate(panel.remarks):
            _write(figure.fig, index, row, plain(remark.words), styles[remark.line].color)
    layers = [point.layer for point in points]
    layers += [layer for panel in panels for gaps in panel.gaps.values() for layer in gaps]
    figure.fig.update_xaxes(**layer_axis(min(layers), max(layers)))
    figure.fig.update_yaxes(range=[low, high])
    figure.name_axes(x=" / ".join(dict.fromkeys(axis_of(point.window) for point in points)), y=_EFFECT)
    return figure.fig


def _missing(layers: Collection[int], style: LineStyle, name: str, *, legend: bool) -> go.Scatter:
    """Crosses on the line of 0 where a line has a gap, since nothing was there to cut."""
    return go.Scatter(
        x=sorted(layers),
        y=[0.0] * len(layers),
        mode="markers",
        marker={"color": style.color, "symbol": "x-thin-open", "size": 7},
        name=_NO_EDGE,
        legendgroup=_NO_EDGE,
        showlegend=legend,
        legendrank=1000,
        hovertemplate=f"<b>{name}</b><br>{plain(NO_EDGE)}<extra></extra>",
    )


def value_range(points: Sequence[Point]) -> tuple[float, float]:
    """The shared y range in %. A few outliers above do not stretch it: Tukey's far fence, +50% at least.

    Below there is no need: a probability cannot fall by more than 100%.
    """
    lower, upper = np.quantile([point.mean for point in points], [0.25, 0.75])
    fence = max(50.0, upper + 3 * (upper - lower))
    top = min(max(5.0, *(point.high for point in points)), fence)
    bottom = min(-20.0, *(point.low for point in points))
    room = 0.06 * (top - bottom)
    return math.floor(bottom - room), math.ceil(top + room)


def _told(point: Point, line: str, ceiling: float) -> str:
    """What the hover text says of a point of a line, safe for plotly."""
    layers = layers_text(point.first_layer, point.last_layer)
    cut = f"{layers} cut" if line == point.flow else f"{flow_label(point.flow)} cut in {layers}"
    lines = [
        cut,
        f"mean {point.mean:+.1f}%, 95% interval {point.low:+.1f} to {point.high:+.1f}%",
        f"n = {count_of(point.n, 'sample')}; ratio of means {percent(point.ratio_of_means)}",
    ]
    lines += [plain(point.note)] if point.note else []
    lines += ["above the axis: drawn at its upper end"] if point.mean > ceiling else []
    return "<br>".join(lines)


def _cut_axis(points: Sequence[Point], ceiling: float) -> str:
    """What lies above the end of the axis; empty where nothing does."""
    ends = [point.high for point in points if point.high > ceiling]
    means = [point.mean for point in points if point.mean > ceiling]
    if not ends:
        return ""
    above = f"{count_of(len(means), 'mean')} (▲), up to {percent(max(means))}, and " if means else ""
    intervals = f"{count_of(len(ends), 'interval end')}, up to {percent(max(ends))}"
    return f"The axis ends at {percent(ceiling)}; above it: {above}{intervals}."


def _write(fig: Figure, index: int, row: int, words: str, color: str) -> None:
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
