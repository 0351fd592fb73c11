"""A line with the band of its interval: the mark that all curves by layer share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import plotly.graph_objects as go

from workbench.figures.parts.template import LineStyle, translucent


class Estimate(Protocol):
    """A mean at a layer, and the ends of its interval."""

    @property
    def layer(self) -> int: ...
    @property
    def mean(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def banded_line(
    points: Sequence[Estimate],
    style: LineStyle,
    name: str,
    told: Sequence[str],
    *,
    in_legend: Mapping[str, Any],
    opacity: float | None = None,
    gaps: Collection[int] = (),
) -> list[go.Scatter]:
    """The band, and the line to lie on it. `name` and what is `told` on hovering must be safe for plotly.

    `in_legend` are the line's `showlegend` and `legendrank`. Neither crosses the layers of `gaps`.
    """
    runs: list[list[Estimate]] = []
    for point in points:
        if not runs or any(runs[-1][-1].layer < gap < point.layer for gap in gaps):
            runs.append([])
        runs[-1].append(point)
    band = go.Scatter(
        x=_parted([[p.layer for p in run] + [p.layer for p in run][::-1] for run in runs]),
        y=_parted([[p.high for p in run] + [p.low for p in run][::-1] for run in runs]),
        fill="toself",
        fillcolor=translucent(style.color, 0.16),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        name=name,
        legendgroup=name,
        opacity=opacity,
    )
    line = go.Scatter(
        x=_parted([[p.layer for p in run] for run in runs]),
        y=_parted([[p.mean for p in run] for run in runs]),
        mode="lines+markers",
        line={"color": style.color, "dash": style.dash, "width": 2.2},
        marker={"color": style.color, "symbol": style.symbol, "size": 7},
        opacity=opacity,
        **_named(name, _parted([told[at : at + len(run)] for at, run in _placed(runs)])),
        **in_legend,
    )
    if len(points) == 1:  # a band of one point has no width
        above, below = points[0].high - points[0].mean, points[0].mean - points[0].low
        line.error_y = {
            "symmetric": False,
            "array": [above],
            "arrayminus": [below],
            "thickness": 1.4,
            "width": 5,
        }
    return [band, line]


def _parted(runs: Sequence[Sequence[Any]]) -> list[Any]:
    """Runs one behind the other, with nothing between them: plotly draws no line there."""
    joined = [*runs[0]]
    for run in runs[1:]:
        joined += [None, *run]
    return joined


def _placed(runs: Sequence[Sequence[Estimate]]) -> Iterator[tuple[int, Sequence[Estimate]]]:
    """Runs, each with the number of points before it."""
    at = 0
    for run in runs:
        yield at, run
        at += len(run)


def arrowheads(
    points: Sequence[Estimate],
    style: LineStyle,
    name: str,
    told: Sequence[str],
    *,
    ceiling: float,
    text: Sequence[str],
    opacity: float | None = None,
) -> go.Scatter:
    """Marks at the upper end of the axis for means above it, with `text` beside them."""
    return go.Scatter(
        x=[point.layer for point in points],
        y=[ceiling] * len(points),
        mode="markers+text",
        text=list(text),
        textposition="middle right",
        textfont={"size": 12, "color": style.color},
        marker={"color": style.color, "symbol": "triangle-up", "size": 11},
        cliponaxis=False,
        showlegend=False,
        opacity=opacity,
        **_named(name, told),
    )


def _named(name: str, told: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "legendgroup": name,
        "customdata": [[words] for words in told],
        "hovertemplate": f"<b>{name}</b><br>%{{customdata[0]}}<extra></extra>",
    }
