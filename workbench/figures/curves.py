"""The main figure: how much of the answer's probability is lost where a flow is cut, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.banded import arrowheads, banded_line
from workbench.figures.parts.groups import choose, flow_groups
from workbench.figures.parts.names import span_names, window_words
from workbench.figures.parts.panels import Grid, grid, layer_axis
from workbench.figures.parts.reading import CLEAR, headline
from workbench.figures.parts.selection import select
from workbench.figures.parts.template import LineStyle, line_styles
from workbench.figures.parts.text import (
    FEW_NOTE,
    arrows,
    count_of,
    few_mark,
    flow_label,
    layers_text,
    percent,
    plain,
    task_name,
)
from workbench.figures.totals import total_effects
from workbench.interventions import axis_of, series_of
from workbench.statistics.curves import Point, curve_points

_WHERE = "Where information flows"
_WHAT = "what the answer loses when a flow is cut"
_MEANING = "Below 0%: the answer needs it."
_QUIET = -CLEAR  # in %: the curves of a flow that never moves the answer by more are drawn faint


def information_flow(
    table: pd.DataFrame,
    *,
    tasks: str | Iterable[str] | None = None,
    flows: Any = None,
    window: Any = None,
    title: str | None = None,
    columns: int | None = None,
    caption: bool = True,
    seed: int = 0,
) -> go.Figure:
    """Mean change of the answer's probability by layer, one panel a task, one curve a flow.

    `table` is a sweep's table. Bands are 95% bootstrap intervals of the mean over samples, drawn with `seed`.
    Panels share both axes.

    `flows` are names of flows, or that of a group ("spans", "to_last", "to_options", "other": `flow_groups`),
    or "all". If not given: all flows where there are at most 6; of more, the first group, and the figure
    says what it leaves out. Where a table holds several windows, `window` chooses one; with a single flow
    they are drawn as one curve each. Windows without a place on the layer axis (all_layers, layers(a, b), ..)
    give one bar a flow instead of curves. `columns` panels lie beside each other; `caption` writes what the
    numbers say, and what the names mean. Raises RunError for tasks, flows or windows that the table does not
    hold.
    """
    known = list(dict.fromkeys(table["flow"])) if "flow" in table else []
    # A flow looks the same in every figure of a table, whatever else is drawn.
    styles = line_styles(known)
    choice = choose(flows, known)
    placed = any(map(axis_of, select(table, tasks=tasks, window=window)["window"].unique()))
    if not placed:  # bars have room for every flow
        chosen = select(table, tasks=tasks, flows=None if flows is None else choice.flows, window=window)
        return total_effects(chosen, title=title, columns=columns, caption=caption, seed=seed, styles=styles)
    chosen = select(table, tasks=tasks, flows=choice.flows, window=window)
    points = curve_points(chosen, seed=seed)
    series = list(dict.fromkeys(series_of(point.window) for point in points))
    compared = len(series) > 1
    comparable = len({point.flow for point in points}) == 1 and all(axis_of(p.window) for p in points)
    if compared and not comparable:
        raise RunError(
            f"The table holds several windows: {', '.join(series)}. Choose one, for example "
            f"window={series[0]!r}, or one flow to compare windows that move over the layers."
        )
    curves: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        name = series_of(point.window) if compared else point.flow
        curves.setdefault((point.task, name), []).append(point)
    shown = list(dict.fromkeys(task for task, _ in curves))
    names = list(dict.fromkeys(name for _, name in curves))
    low, high = value_range(points)
    about = f"Flow: {points[0].flow}" if compared else window_words(series[0])
    quiet = _quiet(names, curves)
    panels = grid(
        [panel_title(task, [point for point in points if point.task == task]) for task in shown],
        columns=columns,
        title=f"{choice.title or _WHERE}: {_WHAT}" if title is None else title,
        subtitle=f"{arrows(about)}. Mean over samples, 95% bootstrap interval. {_MEANING}",
        legend=[flow_label(name) for name in names],
        note=_notes(points, high, quiet, names=caption, left_out=choice.left_out),
        caption=arrows(headline(points)) if caption and not compared else "",
    )
    _draw(panels, shown, line_styles(names) if compared else styles, curves, ceiling=high, quiet=quiet)
    layers = [point.layer for point in points]
    panels.fig.update_xaxes(**layer_axis(min(layers), max(layers)))
    panels.fig.update_yaxes(range=[low, high])
    kinds = dict.fromkeys(axis_of(point.window) for point in points)
    panels.name_axes(x=" / ".join(kinds), y="change of answer probability (%)")
    return panels.fig


def flow_figures(table: pd.DataFrame, *, seed: int = 0) -> dict[str, go.Figure]:
    """A figure for every group of the table's flows (`flow_groups`), by the group's name.

    Together they show all flows. The first is the one that `information_flow` draws by default; windows
    without a place on the layer axis need no other.
    """
    groups = flow_groups(table["flow"])
    if not any(map(axis_of, table["window"].unique())):
        groups = groups[:1]
    return {
        group.name: information_flow(table, flows=group.name if number else None, seed=seed)
        for number, group in enumerate(groups)
    }


def panel_title(task: str, points: Sequence[Point]) -> str:
    """ "<b>Moving Direction</b>, n = 9", safe for plotly; "n = 7 to 9" where points differ."""
    least, most = min(point.n for point in points), max(point.n for point in points)
    count = f"n = {most}" if least == most else f"n = {least} to {most}"
    return f"<b>{plain(task_name(task))}</b>, {count}{few_mark(most)}"


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


def _draw(
    panels: Grid,
    tasks: Sequence[str],
    styles: Mapping[str, LineStyle],
    curves: Mapping[tuple[str, str], list[Point]],
    *,
    ceiling: float,
    quiet: Collection[str],
) -> None:
    names = list(dict.fromkeys(name for _, name in curves))
    # Where curves meet at 0, the first flow lies on top, and the faint ones below.
    layers = [*(name for name in names[::-1] if name in quiet), *(n for n in names[::-1] if n not in quiet)]
    in_legend: set[str] = set()
    for index, task in enumerate(tasks):
        panels.add_zero_line(index)
        for name in layers:
            curve = curves.get((task, name))
            if curve is None:
                continue
            first_time = name not in in_legend
            in_legend.add(name)
            in_key = {"showlegend": first_time, "legendrank": names.index(name) + 1}
            opacity = 0.4 if name in quiet else None
            told = [_told(point, ceiling) for point in curve]
            label, style = flow_label(name), styles[name]
            for trace in banded_line(curve, style, label, told, in_legend=in_key, opacity=opacity):
                panels.add(index, trace)
            beyond = [point for point in curve if point.mean > ceiling]
            if beyond:
                told = [_told(point, ceiling) for point in beyond]
                text = [percent(point.mean) for point in beyond]
                heads = arrowheads(beyond, style, label, told, ceiling=ceiling, text=text, opacity=opacity)
                panels.add(index, heads)


def _told(point: Point, ceiling: float) -> str:
    """What the hover text says of a point, safe for plotly."""
    lines = [
        f"{layers_text(point.first_layer, point.last_layer)} cut",
        f"mean {point.mean:+.1f}%, 95% interval {point.low:+.1f} to {point.high:+.1f}%",
        f"n = {count_of(point.n, 'sample')}; ratio of means {percent(point.ratio_of_means)}",
    ]
    lines += [plain(point.note)] if point.note else []
    lines += ["above the axis: drawn at its upper end"] if point.mean > ceiling else []
    return "<br>".join(lines)


def _quiet(names: Sequence[str], curves: Mapping[tuple[str, str], list[Point]]) -> list[str]:
    """Flows whose means stay near 0 in every panel; none where that is true of all of them."""
    found = [
        name
        for name in names
        if all(abs(p.mean) <= _QUIET for (_, of), curve in curves.items() if of == name for p in curve)
    ]
    return found if len(found) < len(names) else []


def _notes(
    points: Sequence[Point], ceiling: float, quiet: Sequence[str], *, names: bool, left_out: str
) -> str:
    """What a reader must know besides, a remark a line; `names` explains those of the spans too."""
    tasks = dict.fromkeys(point.task for point in points)
    few = [few_mark(max(point.n for point in points if point.task == task)) for task in tasks]
    remarks = [
        span_names(dict.fromkeys(point.flow for point in points)) if names else "",
        FEW_NOTE if any(few) else "",
        f"Faint curves stay within {_QUIET:g}% of 0 everywhere." if quiet else "",
        _cut_axis(points, ceiling),
        left_out,
    ]
    return arrows("\n".join(filter(None, remarks)))


def _cut_axis(points: Sequence[Point], ceiling: float) -> str:
    """What the figure does not show because its axis ends; empty where it shows all."""
    ends = [point.high for point in points if point.high > ceiling]
    if not ends:
        return ""
    means = sum(point.mean > ceiling for point in points)
    return (
        f"The axis ends at {percent(ceiling)}. Above it: {count_of(means, 'mean')} (▲) and "
        f"{count_of(len(ends), 'interval end')}, up to {percent(max(ends))}."
    )
