"""How well methods find the edges of planted models: a row a model, a column a method."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.figure import Figure, subplots
from workbench.figures.parts.template import BLUE, INK, TEMPLATE, title_of, translucent
from workbench.figures.parts.text import plain
from workbench.statistics.columns import require_columns

_ROW, _TOP, _LEFT = 23, 170, 262
"""Pixels: of a row, above the first panel, left of the panels."""
_SUMMARY = (
    *("method", "average_precision", "precision_by_layer", "needed_percent", "sufficient_percent"),
    *("backup_percent", "negative_percent", "false_alarm"),
)
_SCALE = [[0, "#ffffff"], [1, translucent(BLUE, 0.85)]]
_HOW = "Average precision: 1 where the edges that matter lead a method's list. Above: means, and edges found."


def method_scores(
    summary: pd.DataFrame, table: pd.DataFrame, *, title: str = "Which methods find the edges that matter"
) -> Figure:
    """Means over models by role, and below them the average precision in each model.

    `summary` and `table` are those of `bench_methods(..)`. Raises RunError for others, or where no model has
    an edge that matters.
    """
    remedy = "Pass what bench_methods(..) gives."
    require_columns(summary, *_SUMMARY, remedy=remedy)
    require_columns(table, "method", "model", "average_precision", "true_edges", remedy=remedy)
    kept: Any = table[table["true_edges"] > 0]
    if kept.empty:
        raise RunError("No model here has an edge that matters. Ask for more models.")
    methods = [str(name) for name in summary["method"]]
    models = list(dict.fromkeys(str(name) for name in kept["model"]))
    scores = kept.pivot(index="model", columns="method", values="average_precision")
    below = {model: [float(scores.at[model, method]) for method in methods] for model in models}
    means = {
        "mean of all models": [float(value) for value in summary["average_precision"]],
        "the same, heads of a layer as one": [float(value) for value in summary["precision_by_layer"]],
    }
    for role in ("needed", "sufficient", "backup", "negative"):
        found = [float(value) / 100 for value in summary[f"{role}_percent"]]
        if any(value == value for value in found):
            means[f"{role} edges found"] = found
    alarms = [float(value) for value in summary["false_alarm"]]
    if any(value == value for value in alarms):
        means["silent where no edge matters"] = [max(0.0, 1 - value) for value in alarms]
    height = _TOP + _ROW * (len(means) + len(below) + 2) + 30
    fig = subplots(
        rows=2,
        cols=1,
        row_heights=[len(means), len(below)],
        vertical_spacing=1.3 * _ROW / (height - _TOP - 30),
    )
    for number, rows in enumerate((means, below), start=1):
        fig.add_trace(_cells(rows, methods), row=number, col=1)
        fig.update_yaxes(
            tickmode="array",
            tickvals=list(range(len(rows))),
            ticktext=[plain(name) for name in rows],
            range=[len(rows) - 0.5, -0.5],
            row=number,
            col=1,
        )
    axis: dict[str, Any] = {"showgrid": False, "ticks": "", "showline": False, "automargin": False}
    names = [plain(name).replace("_", "<br>") for name in methods]
    fig.update_xaxes(**axis, tickmode="array", tickvals=list(range(len(methods))), ticktext=names)
    fig.update_xaxes(side="top", tickfont={"color": INK}, row=1, col=1)
    fig.update_xaxes(showticklabels=False, row=2, col=1)
    fig.update_yaxes(**axis, tickfont={"color": INK})
    width = max(760, _LEFT + 92 * len(methods) + 30)
    fig.update_layout(
        template=TEMPLATE,
        title=title_of(plain(title), _HOW, height),
        width=width,
        height=height,
        margin={"l": _LEFT, "r": 20, "t": _TOP - 40, "b": 20},
    )
    return fig


def _cells(rows: dict[str, list[float]], methods: list[str]) -> go.Heatmap:
    values = list(rows.values())
    told = [
        [f"<b>{plain(method)}</b>, {plain(name)}: {value:.3f}"
         for method, value in zip(methods, row, strict=True)]
        for name, row in rows.items()
    ]  # fmt: skip
    return go.Heatmap(
        z=values,
        zmin=0,
        zmax=1,
        colorscale=_SCALE,
        showscale=False,
        xgap=2,
        ygap=2,
        text=[["" if value != value else f"{value:.2f}" for value in row] for row in values],
        texttemplate="%{text}",
        textfont={"size": 12},
        hovertext=told,
        hovertemplate="%{hovertext}<extra></extra>",
    )
