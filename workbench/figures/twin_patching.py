"""Twin patching as heat maps: layers across, spans (or heads) down; a row of panels a task, both ways."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.analyses.patching import ALL_OPTIONS, DIRECTIONS, patch_means
from workbench.errors import RunError, near_matches
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import Grid, grid, layer_axis
from workbench.figures.parts.template import BLUE, INK, VERMILLION
from workbench.figures.parts.text import FEW_NOTE, count_of, few_mark, plain, task_name

_SAYS = {"noising": "needed", "denoising": "suffices"}
_SURE, _OFTEN = 0.95, 0.5
_ROW = 19  # pixels of a span
_RIGHT = 96  # pixels for the scale


def twin_patching(
    table: pd.DataFrame,
    *,
    site: str | None = None,
    span: str | None = None,
    tasks: str | Iterable[str] | None = None,
    only_correct: bool = True,
    title: str | None = None,
    seed: int = 0,
) -> Figure:
    """How far patches of one site take the answer's logit difference from the untouched prompt's (0) to the
    other prompt's (1): mean over pairs, a panel a task and direction. A full dot marks patches that flip the
    answer of at least 95% of the pairs, an open one those that flip at least half.

    `table` is that of `wb.patch`. `site` is the first in it if not given. Heads (`z`) are drawn as rows, for
    one `span`, the last row if not given. Raises RunError for a task, site or span that the table lacks, and
    where no pair is left.
    """
    site = str(table["site"].iloc[0]) if site is None and len(table) else site
    chosen = _only(_only(table, "site", [site] if site else []), "task", _listed(tasks))
    by_head = bool((chosen["head"] >= 0).any())
    if by_head:
        chosen = _only(chosen, "span", [span or "last"])
    elif span is not None:
        chosen = _only(chosen, "span", [span])
    points: list[Any] = list(
        patch_means(chosen, only_correct=only_correct, seed=seed).itertuples(index=False)
    )
    shown = list(dict.fromkeys(point.task for point in points))
    ways = [way for way in DIRECTIONS if any(point.direction == way for point in points)]
    rows = list(dict.fromkeys(point.head if by_head else point.span for point in points))
    layers = sorted({point.layer for point in points})
    most = {task: max(point.n for point in points if point.task == task) for task in shown}
    whose = "pairs of which both sides are answered correctly" if only_correct else "all pairs"
    at = f" of heads at {span or 'last'}" if by_head else ""
    panels = grid(
        [
            f"<b>{plain(task_name(task))}</b>, n = {most[task]}{few_mark(most[task])}: {_SAYS[way]}"
            for task in shown
            for way in ways
        ],
        columns=len(ways),
        title="Where the answer is turned into the twin's" if title is None else title,
        subtitle=f"Needed: the twin's {site}{at} put into the clip's prompt. Suffices: the clip's put into "
        "the twin's. Share of the way from the untouched logit difference (0) to the other clip's (1). Mean "
        f"over {whose}. ● flips the answer of at least 95% of them, ○ of at least half.",
        note=FEW_NOTE if any(map(few_mark, most.values())) else "",
        panel_height=_ROW * len(rows) + 8,
        left=96,
    )
    top = max(1.0, *(abs(point.mean) for point in points if math.isfinite(point.mean)))
    for index, (task, way) in enumerate((task, way) for task in shown for way in ways):
        mine = {
            (point.head if by_head else point.span, point.layer): point
            for point in points
            if (point.task, point.direction) == (task, way)
        }
        panels.add(index, _heat(mine, rows, layers, min(top, 1.5), scale=index == 0))
    _axes(panels, rows, layers)
    return panels.fig


def _heat(
    points: dict[Any, Any], rows: Sequence[Any], layers: Sequence[int], top: float, *, scale: bool
) -> go.Heatmap:
    cells = [[points.get((row, layer)) for layer in layers] for row in rows]
    return go.Heatmap(
        x=list(layers),
        y=list(range(len(rows))),
        z=[[None if one is None else one.mean for one in line] for line in cells],
        zmin=-top,
        zmax=top,
        colorscale=[[0, VERMILLION], [0.5, "#f4f5f7"], [1, BLUE]],
        xgap=1,
        ygap=1,
        text=[["" if one is None else _mark(one.flipped) for one in line] for line in cells],
        texttemplate="%{text}",
        textfont={"size": 11},
        showscale=scale,
        colorbar={
            "title": {"text": "recovered", "font": {"size": 12}},
            "thickness": 12,
            "outlinewidth": 0,
            "lenmode": "pixels",
            "len": 190,
            "y": 1,
            "yanchor": "top",
        },
        customdata=[[_told(one) for one in line] for line in cells],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _mark(flipped: float) -> str:
    return "●" if flipped >= _SURE else "○" if flipped >= _OFTEN else ""


def _told(point: Any) -> str:
    if point is None:
        return ""
    where = plain(_label(point.span)) + (f", head {point.head}" if point.head >= 0 else "")
    return (
        f"<b>{where}</b>, layer {point.layer}<br>recovered {point.mean:.2f}, 95% interval {point.low:.2f} to "
        f"{point.high:.2f}<br>flips {point.flipped:.0%} of {count_of(point.n, 'pair')}"
    )


def _label(row: object) -> str:
    return "options" if row == ALL_OPTIONS else f"head {row}" if isinstance(row, int) else str(row)


def _axes(panels: Grid, rows: Sequence[Any], layers: Sequence[int]) -> None:
    fig = panels.fig
    fig.update_xaxes(**layer_axis(layers[0], layers[-1]))
    fig.update_yaxes(
        range=[len(rows) - 0.5, -0.5],
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=[plain(_label(row)) for row in rows],
        tickfont={"size": 11, "color": INK},
        showgrid=False,
        ticks="",
    )
    fig.update_layout(margin={"r": _RIGHT})
    panels.name_axes(x="layer" if layers != [0] else "before the decoder")


def _listed(names: str | Iterable[str] | None) -> list[str]:
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _only(table: pd.DataFrame, column: str, names: Sequence[str]) -> pd.DataFrame:
    """The rows with these names; all where none is given. Raises RunError for one that is not there."""
    known = list(dict.fromkeys(table[column]))
    for name in names:
        if name not in known:
            raise RunError(
                f"The table has no {column} {name!r}. It has {', '.join(known)}.{near_matches(name, known)}"
            )
    found: Any = table[table[column].isin(names)] if names else table
    return found
