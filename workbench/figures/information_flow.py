"""The main figure: how much of the answer's probability is lost where a flow is cut, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import RunError
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.groups import choose, flow_groups
from workbench.figures.parts.headlines import headline
from workbench.figures.parts.names import span_names, window_words
from workbench.figures.parts.panels import Panel, draw_panels
from workbench.figures.parts.selection import select
from workbench.figures.parts.template import line_styles
from workbench.figures.parts.text import FEW_NOTE, arrows, few_mark, plain, task_name
from workbench.figures.totals import total_effects
from workbench.interventions import axis_of, series_of
from workbench.statistics.curves import Point, curve_points, curves_of, layers_without_edges
from workbench.statistics.peaks import CLEAR

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
) -> Figure:
    """Mean change of the answer's probability by layer, one panel a task, one curve a flow.

    `table` is a sweep's table, or its summary (`workbench.statistics.curve_table`), which saves making it
    again. Bands are 95% bootstrap intervals of the mean over samples, which `seed` draws where there is no
    summary yet. Panels share both axes.

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
    summary = curves_of(chosen, seed=seed)
    points = curve_points(summary)
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
    gaps: dict[tuple[str, str], list[int]] = {}
    for row in layers_without_edges(summary).to_dict("records"):
        name = series_of(row["window"]) if compared else str(row["flow"])
        gaps.setdefault((str(row["task"]), name), []).append(int(row["layer"]))
    shown = list(dict.fromkeys(task for task, _ in curves))
    names = list(dict.fromkeys(name for _, name in curves))
    about = f"Flow: {points[0].flow}" if compared else window_words(series[0])
    quiet = _quiet(names, curves)
    panels = [
        Panel(
            _panel_title(task, [point for point in points if point.task == task]),
            {name: curves[task, name] for name in names if (task, name) in curves},
            gaps={name: layers for (of, name), layers in gaps.items() if of == task and name in names},
        )
        for task in shown
    ]
    looks = line_styles(names) if compared else styles
    return draw_panels(
        panels,
        {name: looks[name] for name in names},
        columns=columns,
        title=f"{choice.title or _WHERE}: {_WHAT}" if title is None else title,
        subtitle=f"{arrows(about)}. Mean over samples, 95% bootstrap interval. {_MEANING}",
        note=_notes(points, quiet, names=caption, left_out=choice.left_out),
        caption=headline(points) if caption and not compared else "",
        faint=quiet,
    )


def flow_figures(table: pd.DataFrame, *, seed: int = 0) -> dict[str, Figure]:
    """A figure for every group of the table's flows (`flow_groups`), by the group's name.

    Together they show all flows. `table` is as in `information_flow`. The first figure is the one that it
    draws by default; windows without a place on the layer axis need no other.
    """
    curves = curves_of(table, seed=seed)
    groups = flow_groups(curves["flow"])
    if not any(map(axis_of, curves["window"].unique())):
        groups = groups[:1]
    return {
        group.name: information_flow(curves, flows=group.name if number else None)
        for number, group in enumerate(groups)
    }


def _panel_title(task: str, points: Sequence[Point]) -> str:
    """ "<b>Moving Direction</b>, n = 9", safe for plotly; "n = 7 to 9" where points differ."""
    least, most = min(point.n for point in points), max(point.n for point in points)
    count = f"n = {most}" if least == most else f"n = {least} to {most}"
    return f"<b>{plain(task_name(task))}</b>, {count}{few_mark(most)}"


def _quiet(names: Sequence[str], curves: Mapping[tuple[str, str], list[Point]]) -> list[str]:
    """Flows whose means stay near 0 in every panel; none where that is true of all of them."""
    found = [
        name
        for name in names
        if all(abs(p.mean) <= _QUIET for (_, of), curve in curves.items() if of == name for p in curve)
    ]
    return found if len(found) < len(names) else []


def _notes(points: Sequence[Point], quiet: Sequence[str], *, names: bool, left_out: str) -> str:
    """What a reader must know besides, a remark a line; `names` explains those of the spans too."""
    tasks = dict.fromkeys(point.task for point in points)
    few = [few_mark(max(point.n for point in points if point.task == task)) for task in tasks]
    remarks = [
        span_names(dict.fromkeys(point.flow for point in points)) if names else "",
        FEW_NOTE if any(few) else "",
        f"Faint curves stay within {_QUIET:g}% of 0 everywhere." if quiet else "",
        left_out,
    ]
    return arrows("\n".join(filter(None, remarks)))
