"""Curves side by side: several models, or several windows, in every panel.

Both figures draw tables that are made already: `Comparison.curves` and `.counts`, or `curve_table`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from workbench.errors import RunError
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.headlines import place
from workbench.figures.parts.panels import Panel, Remark, draw_panels
from workbench.figures.parts.template import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    LineStyle,
)
from workbench.figures.parts.text import FEW_NOTE, arrows, few_mark, flow_label, percent, plain, task_name
from workbench.statistics.columns import require_columns
from workbench.statistics.curves import CURVE_COLUMNS, Point, layers_without_edges
from workbench.statistics.peaks import is_clear, peaks

MODEL_STYLES = [
    LineStyle(BLUE, "solid", "circle"),
    LineStyle(VERMILLION, "dash", "square"),
    LineStyle(GREEN, "dot", "diamond"),
    LineStyle(PURPLE, "dashdot", "triangle-up"),
    LineStyle(BLACK, "longdash", "x"),
]
"""Models in the order given."""
WINDOW_STYLES = [
    LineStyle(SKY, "dot", "circle"),
    LineStyle(GREEN, "dash", "diamond"),
    LineStyle(BLUE, "solid", "square"),
    LineStyle(ORANGE, "dashdot", "triangle-up"),
    LineStyle(PURPLE, "longdash", "x"),
]
"""Windows in the order given."""


def models_compared(
    curves: pd.DataFrame,
    counts: pd.DataFrame,
    *,
    common: bool = False,
    title: str | None = None,
    columns: int | None = None,
) -> Figure:
    """Mean change of the answer's probability by layer: a panel a task (and flow), a line a model.

    `curves` and `counts` are those of a `Comparison`; `common` says that all curves show the samples that
    every model answers. A task without a usable sample keeps its panel and says so. A model that is not
    clearly better than guessing in a task is marked (*) there. Raises RunError where columns are missing or
    there is nothing to draw.
    """
    _check(curves, "model", *CURVE_COLUMNS)
    _check(counts, "model", "task", "samples", "correct", "used", "chance_percent", "above_chance", "note")
    models = list(dict.fromkeys(counts["model"]))
    styles = _styles(models, MODEL_STYLES)
    points = _points(curves, "model")
    flows = list(dict.fromkeys(curves["flow"]))
    panels = []
    for flow in flows:
        for task in dict.fromkeys(counts["task"]):
            here = {str(row["model"]): row for row in _records(counts, "task", task)}
            lines = {
                model: [point for point in points.get(model, ()) if (point.task, point.flow) == (task, flow)]
                for model in here
            }
            remarks = [
                Remark(model, f"{model}: no curve, {row['note'] or 'no usable sample'}")
                for model, row in here.items()
                if not lines[model]
            ]
            numbers = " · ".join(_number(row, styles[model].color) for model, row in here.items())
            of_flow = f": {flow_label(flow)}" if len(flows) > 1 else ""
            heading = f"<b>{plain(task_name(str(task)))}</b>{of_flow}, n = {numbers}"
            panels.append(Panel(heading, lines, remarks, _gaps(curves, "model", task, flow)))
    about = f"Flow: {arrows(flows[0])}. " if len(flows) == 1 else ""
    samples = f"the samples that {'every' if common else 'each'} model answers correctly"
    if any(row["used"] > row["correct"] for row in counts.to_dict("records")):
        samples = "all samples, wrong answers too"
    return draw_panels(
        panels,
        styles,
        title=" and ".join(models) + " under the same cut" if title is None else title,
        subtitle=f"{about}{_windows_of(curves)}Mean over {samples}, with its 95% bootstrap interval; "
        "n = samples used of those asked, model by model.",
        note=_guessing(counts),
        caption=_deepest(points, "Deepest fall of each model"),
        columns=columns,
    )


def _gaps(curves: pd.DataFrame, line: str, task: str, flow: str) -> dict[str, list[int]]:
    """By line, the layers in which there was nothing to cut."""
    gaps: dict[str, list[int]] = {}
    for row in layers_without_edges(curves).to_dict("records"):
        if (row["task"], row["flow"]) == (task, flow):
            gaps.setdefault(str(row[line]), []).append(int(row["layer"]))
    return gaps


def windows_compared(
    curves: pd.DataFrame, *, title: str | None = None, columns: int | None = None, note: str = ""
) -> Figure:
    """Mean change of the answer's probability by layer: a panel a flow (and task), a line a window.

    `curves` is the `curve_table` of a sweep with several centred windows; `note` stands under the panels.
    Raises RunError where columns are missing or there is nothing to draw.
    """
    _check(curves, *CURVE_COLUMNS)
    windows = list(dict.fromkeys(curves["window"]))
    points = _points(curves, "window")
    tasks, flows = list(dict.fromkeys(curves["task"])), list(dict.fromkeys(curves["flow"]))
    panels, few = [], False
    for task in tasks:
        for flow in flows:
            lines = {
                window: [point for point in line if (point.task, point.flow) == (task, flow)]
                for window, line in points.items()
            }
            n = max((point.n for line in lines.values() for point in line), default=0)
            of_task = f", {plain(task_name(task))}" if len(tasks) > 1 else ""
            few |= bool(few_mark(n))
            heading = f"<b>{flow_label(flow)}</b>{of_task}, n = {n}{few_mark(n)}"
            panels.append(Panel(heading, lines, gaps=_gaps(curves, "window", task, flow)))
    of_task = f" Task: {task_name(tasks[0])}." if len(tasks) == 1 else ""
    return draw_panels(
        panels,
        _styles(windows, WINDOW_STYLES),
        title="How many layers to cut at once" if title is None else title,
        subtitle="Mean over samples, with its 95% bootstrap interval; centred(k) cuts the k layers around "
        f"each layer.{of_task}",
        note="\n".join(filter(None, (FEW_NOTE if few else "", note))),
        caption=_deepest(points, "Deepest fall with each window"),
        # A row a task, where the flows fit beside each other.
        columns=columns or (len(flows) if len(tasks) > 1 and len(flows) in (2, 3) else None),
    )


def _number(row: Mapping[Any, Any], color: str) -> str:
    """ "3 of 5*" in the colour of the line."""
    mark = "" if row["above_chance"] else "*"
    return f"<span style='color:{color}'>{row['used']} of {row['samples']}{mark}</span>"


def _guessing(counts: pd.DataFrame) -> str:
    """Which models are not clearly better than guessing, and where."""
    said = []
    for model in dict.fromkeys(counts["model"]):
        told = [
            f"{task_name(str(row['task']))} ({row['correct']} of {row['samples']} right, "
            f"{row['chance_percent']:.0f}% by guessing)"
            for row in _records(counts, "model", model)
            if not row["above_chance"]
        ]
        said += [f"{model} in {', '.join(told)}"] if told else []
    if not said:
        return ""
    return f"* Not clearly above chance, so these may be lucky guesses: {'; '.join(said)}."


def _deepest(points: Mapping[str, Sequence[Point]], opening: str) -> str:
    """Where the deepest clear fall of each line is."""
    every = [point for line in points.values() for point in line]
    tasks, flows = {point.task for point in every}, {point.flow for point in every}
    said = []
    for name, line in points.items():
        clear = sorted((peak for peak in peaks(line) if is_clear(peak)), key=lambda peak: peak.mean)
        if not clear:
            said.append(f"{name}: no clear fall")
            continue
        peak = clear[0]
        of = [peak.flow] * (len(flows) > 1) + [task_name(peak.task)] * (len(tasks) > 1)
        where = f" ({', '.join(of)})" if of else ""
        said.append(f"{name}: {percent(peak.mean)} at {place(peak)}{where}")
    return f"{opening}. {'; '.join(said)}."


def _points(curves: pd.DataFrame, name: str) -> dict[str, list[Point]]:
    """The usable points of each line, lines in order of first appearance."""
    found: dict[str, list[Point]] = {}
    for row in curves.to_dict("records"):
        line = found.setdefault(str(row[name]), [])
        if row["n"]:
            line.append(Point(**{column: row[column] for column in CURVE_COLUMNS}))
    return found


def _windows_of(curves: pd.DataFrame) -> str:
    """ "Window: centred(3). ", or the window of each model where they differ."""
    each = dict(zip(curves["model"], curves["window"], strict=True))
    windows = list(dict.fromkeys(each.values()))
    if len(windows) == 1:
        return f"Window: {windows[0]}. "
    return f"Windows: {', '.join(f'{window} in {model}' for model, window in each.items())}. "


def _records(table: pd.DataFrame, column: str, value: object) -> list[dict[Any, Any]]:
    return [row for row in table.to_dict("records") if row[column] == value]


def _styles(names: Sequence[str], styles: Sequence[LineStyle]) -> dict[str, LineStyle]:
    return {str(name): styles[place % len(styles)] for place, name in enumerate(names)}


def _check(table: pd.DataFrame, *names: str) -> None:
    require_columns(table, *names, remedy="Pass a curve_table, or what a Comparison holds.")
    if table.empty:
        raise RunError("The table has no rows, so there is nothing to draw. Use more samples.")
