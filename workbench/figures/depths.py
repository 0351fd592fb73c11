"""Accuracy with the video cut after a layer, against the share of layers that still have it; its knee."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from workbench.analyses.study.cases import NO_VIDEO, UNTOUCHED
from workbench.analyses.study.shares import ALL, SHARE_COLUMNS
from workbench.analyses.study.stages import KNEE_COLUMNS
from workbench.errors import RunError
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid
from workbench.figures.parts.levels import LOOKS, add_levels
from workbench.figures.parts.template import BLUE, ORANGE, translucent
from workbench.figures.parts.text import FEW_NOTE, few_mark, plain, task_name
from workbench.statistics.columns import require_columns

_HOW = (
    "The video is cut from all text after a layer. Bands: 95% intervals over samples. Upright, orange: the "
    "knee, from which on 90% of what the video adds is kept, with its interval."
)


class _Point(NamedTuple):
    x: float
    mean: float
    low: float
    high: float
    told: str


def accuracy_by_depth(
    shares: pd.DataFrame,
    knees: pd.DataFrame,
    n_layers: int,
    *,
    ratio: bool = False,
    title: str | None = None,
    columns: int | None = None,
    note: str = "",
) -> Figure:
    """A panel a group: accuracy in percent or, with `ratio`, over that of the untouched model.

    `shares` is that of `case_shares` and `knees` that of `knees_of`; with a column `data` there is a panel a
    group of each data set. Raises RunError for other columns, and where no flow is cut by depth.
    """
    require_columns(shares, *SHARE_COLUMNS, remedy="Pass the table of case_shares(..).")
    require_columns(knees, *KNEE_COLUMNS, remedy="Pass the table of knees_of(..).")
    cut = shares.loc[~shares["case"].isin([UNTOUCHED, NO_VIDEO]).to_numpy(bool)]
    if cut.empty:
        raise RunError("No flow is cut after layers, so there is no curve to draw.")
    several = "data" in shares and len(set(shares["data"])) > 1
    keys = ["data", "group"] if several else ["group"]
    places = list(dict.fromkeys(tuple(str(row[key]) for key in keys) for row in cut.to_dict("records")))
    rows = {place: _rows(cut, keys, place) for place in places}
    panels = grid(
        [_heading(place, int(rows[place][0]["samples"])) for place in places],
        columns=columns,
        title=title or "Two stages: until which layer text reads the video",
        subtitle=_HOW,
        legend=["", *LOOKS],
        note="\n".join(
            filter(
                None, (note, FEW_NOTE if any(few_mark(one[0]["samples"]) for one in rows.values()) else "")
            )
        ),
    )
    scale = 1.0 if ratio else 100.0
    for index, place in enumerate(places):
        own = sorted(rows[place], key=lambda row: row["layer"])
        first = own[0]
        untouched = first["untouched_percent"]
        by = untouched if ratio else 1.0
        add_levels(
            panels,
            index,
            {
                "untouched model": untouched / by,
                "no video": first["no_video_percent"] / by,
                "chance": first["chance_percent"] / by,
            },
            (0, 1),
        )
        _draw_knee(panels, index, _rows(knees, keys, place)[0], 1.25 * scale)
        for trace in _curve([_point(row, n_layers, ratio) for row in own]):
            panels.add(index, trace)
    panels.fig.update_xaxes(range=[-0.03, 1.03], tickvals=[0, 0.25, 0.5, 0.75, 1], showticklabels=True)
    panels.fig.update_yaxes(range=[0, 1.12 if ratio else 104], ticksuffix="" if ratio else "%")
    panels.name_axes(
        x="layer ratio: share of layers with video", y="performance ratio" if ratio else "correct answers"
    )
    return panels.fig


def _rows(table: pd.DataFrame, keys: list[str], place: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        {str(name): value for name, value in row.items()}
        for row in table.to_dict("records")
        if tuple(str(row[key]) for key in keys) == place
    ]


def _heading(place: tuple[str, ...], n: int) -> str:
    *data, group = place
    name = task_name(group) if group != ALL else "All samples"
    words = ": ".join([*data, name]) if data else name
    return f"<b>{plain(words)}</b>, n = {n}{few_mark(n)}"


def _point(row: dict[str, Any], n_layers: int, ratio: bool) -> _Point:
    told = (
        f"video in {row['layer']} of {n_layers} layers<br>"
        f"{row['accuracy_percent']:.1f}% correct, 95% interval "
        f"{row['low_percent']:.1f} to {row['high_percent']:.1f}%<br>performance ratio {row['ratio']:.2f}"
    )
    names = ("ratio", "ratio_low", "ratio_high")
    if not ratio:
        names = ("accuracy_percent", "low_percent", "high_percent")
    mean, low, high = (float(row[name]) for name in names)
    return _Point(row["layer"] / n_layers, mean, low, high, told)


def _curve(points: list[_Point]) -> list[go.Scatter]:
    x = [point.x for point in points]
    return [
        go.Scatter(
            x=x + x[::-1],
            y=[point.high for point in points] + [point.low for point in points][::-1],
            fill="toself",
            fillcolor=translucent(BLUE, 0.16),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        ),
        go.Scatter(
            x=x,
            y=[point.mean for point in points],
            mode="lines+markers",
            line={"color": BLUE, "width": 2.2},
            marker={"size": 7},
            showlegend=False,
            customdata=[[point.told] for point in points],
            hovertemplate="%{customdata[0]}<extra></extra>",
        ),
    ]


def _draw_knee(panels: Any, index: int, knee: dict[str, Any], top: float) -> None:
    if not knee["layer_ratio"] >= 0:  # missing where the video adds nothing
        return
    low, high = knee["ratio_low"], knee["ratio_high"]
    told = f"knee at layer {knee['layer']:g} ({knee['low']:g} to {knee['high']:g})"
    panels.add(
        index,
        go.Scatter(
            x=[low, high, high, low],
            y=[0, 0, top, top],
            fill="toself",
            fillcolor=translucent(ORANGE, 0.16),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        ),
    )
    panels.add(
        index,
        go.Scatter(
            x=[knee["layer_ratio"]] * 2,
            y=[0, top],
            mode="lines",
            line={"color": ORANGE, "width": 2},
            hovertemplate=f"{told}<extra></extra>",
            showlegend=False,
        ),
    )
