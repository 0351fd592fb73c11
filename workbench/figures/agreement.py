"""How far cheap estimates may be trusted: agreement with exact knockouts against cost, and layer by layer."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from workbench.figures.parts.banded import banded_line
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid, layer_axis
from workbench.figures.parts.template import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, LineStyle
from workbench.figures.parts.text import FEW_NOTE, few_mark, plain, task_name
from workbench.statistics.columns import require_columns

_STYLES = {
    "local": LineStyle(BLUE, "solid", "circle"),
    "hybrid": LineStyle(BLACK, "solid", "star"),
    "gradient": LineStyle(GREEN, "dash", "diamond"),
    "integrated": LineStyle(PURPLE, "solid", "square"),
    "relp": LineStyle(VERMILLION, "solid", "triangle-up"),
    "attention": LineStyle(ORANGE, "dot", "x"),
    "value_norm": LineStyle(SKY, "dot", "cross"),
}
_GOAL, _SHARE = 0.9, 0.2


class _Point(NamedTuple):
    layer: int
    mean: float
    low: float
    high: float


def agreement_by_layer(
    agreement: pd.DataFrame, *, title: str | None = None, columns: int | None = None, note: str = ""
) -> Figure:
    """A panel a task, a line a method: Spearman's rho with exact knockouts in each layer.

    `agreement` is that of `Attribution.agreement`. Raises RunError for other columns.
    """
    needed = ("method", "level", "task", "flow", "layer", "samples", "spearman", "low", "high")
    require_columns(agreement, *needed, remedy="Pass result.agreement().")
    table: Any = agreement[(agreement["flow"] == "all") & (agreement["level"] == agreement["level"].iloc[0])]
    tasks = list(dict.fromkeys(table["task"]))
    methods = list(dict.fromkeys(table["method"]))
    counts = {task: int(table.loc[table["task"] == task, "samples"].max()) for task in tasks}
    panels = grid(
        [
            f"<b>{plain('All samples' if task == 'all' else task_name(task))}</b>, n = {counts[task]}"
            f"{few_mark(counts[task])}"
            for task in tasks
        ],
        columns=columns,
        title=title or "Which cheap method may be trusted? Estimates against exact knockouts, by layer",
        subtitle=(
            "Spearman's rho within a sample between estimated and exact change of log-odds over the cells of "
            "a layer (flow x head), mean over samples with 95% intervals. Dotted: 0.9."
        ),
        legend=methods,
        note="\n".join(filter(None, (note, FEW_NOTE if any(map(few_mark, counts.values())) else ""))),
    )
    for index, task in enumerate(tasks):
        panels.add_zero_line(index)
        _goal(panels, index)
        for rank, method in enumerate(methods):
            here = table[(table["task"] == task) & (table["method"] == method) & (table["layer"] > 0)]
            rows = here[here["spearman"].notna()].sort_values("layer").to_dict("records")
            if not rows:
                continue
            points = [_Point(row["layer"], row["spearman"], row["low"], row["high"]) for row in rows]
            told = [f"layer {row['layer']}<br>{_told(row, 'spearman', 'low', 'high')}" for row in rows]
            key = {"showlegend": index == 0, "legendrank": rank + 1}
            for trace in banded_line(points, _style(method), method, told, in_legend=key):
                panels.add(index, trace)
    layers = table.loc[table["layer"] > 0, "layer"]
    panels.fig.update_xaxes(**layer_axis(int(layers.min()), int(layers.max())))
    panels.fig.update_yaxes(range=[-0.55, 1.05])
    panels.name_axes(x="layer", y="Spearman's rho")
    return panels.fig


def agreement_by_cost(
    agreement: pd.DataFrame, costs: pd.DataFrame, *, title: str | None = None, note: str = ""
) -> Figure:
    """A point a method: its cost as a share of the exact knockouts' and its agreement with them.

    `costs` has columns method and share (of the seconds of all exact knockouts), a row a method. The corner
    with a rho of 0.9 at a fifth of the cost is shaded. Raises RunError for other columns.
    """
    needed = ("method", "level", "task", "flow", "layer", "samples", "spearman", "low", "high", "magnitude")
    require_columns(agreement, *needed, remedy="Pass result.agreement().")
    require_columns(costs, "method", "share", remedy="Give a row a method.")
    whole = (agreement["flow"] == "all") & (agreement["task"] == "all") & (agreement["layer"] == 0)
    of_level = agreement["level"] == agreement["level"].iloc[0]
    rows = agreement[whole & of_level].merge(costs[["method", "share"]], on="method").to_dict("records")
    asked = ("spearman", "low", "high"), ("magnitude", "magnitude_low", "magnitude_high")
    n = max((int(row["samples"]) for row in rows), default=0)
    panels = grid(
        ["<b>with its sign</b>: does a cut help or harm?", "<b>size alone</b>: which cells matter?"],
        columns=2,
        title=title or "Which cheap method may be trusted? Agreement with exact knockouts, and its cost",
        subtitle=(
            f"Spearman's rho within a sample over all cells (flow x layer x head), mean over n = {n} samples "
            f"with 95% intervals{few_mark(n)}. Shaded: at least 0.9 at a fifth of the cost or less."
        ),
        legend=[str(row["method"]) for row in rows],
        note=note,
        panel_height=320,
    )
    least = min([float(row["share"]) for row in rows] + [0.05]) / 1.6
    most = max([float(row["share"]) for row in rows] + [1.0]) * 1.6
    for index, (mean, low, high) in enumerate(asked):
        number = index + 1 if index else ""
        panels.fig.add_shape(
            type="rect", layer="below", xref=f"x{number}", yref=f"y{number}",
            x0=least, x1=_SHARE, y0=_GOAL, y1=1.05, fillcolor="rgba(0,158,115,0.14)", line={"width": 0},
        )  # fmt: skip
        panels.add_zero_line(index)
        for rank, row in enumerate(rows):
            panels.add(index, _point(row, mean, low, high, show=index == 0, rank=rank))
    panels.fig.update_xaxes(
        type="log", tickvals=[0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
        ticktext=["2%", "5%", "10%", "20%", "50%", "100%", "200%", "500%"], showticklabels=True,
    )  # fmt: skip
    panels.fig.update_xaxes(range=[math.log10(least), math.log10(most)])
    panels.fig.update_yaxes(range=[-0.35, 1.05])
    panels.name_axes(x="seconds, of those of all exact knockouts", y="Spearman's rho")
    return panels.fig


def _point(row: Any, mean: str, low: str, high: str, *, show: bool, rank: int) -> go.Scatter:
    style = _style(str(row["method"]))
    value = float(row[mean])
    return go.Scatter(
        x=[row["share"]],
        y=[value],
        error_y={
            "array": [row[high] - value],
            "arrayminus": [value - row[low]],
            "thickness": 1.5,
            "width": 4,
        },
        mode="markers",
        marker={"size": 11, "color": style.color, "symbol": style.symbol},
        name=plain(row["method"]),
        legendgroup=str(row["method"]),
        legendrank=rank + 1,
        showlegend=show,
        hovertemplate=(
            f"<b>{plain(row['method'])}</b><br>{_told(row, mean, low, high)}<br>"
            f"{100 * row['share']:.0f}% of the exact seconds<extra></extra>"
        ),
    )


def _told(row: Any, mean: str, low: str, high: str) -> str:
    return f"{row[mean]:.2f}, 95% interval {row[low]:.2f} to {row[high]:.2f}"


def _goal(panels: Any, index: int) -> None:
    number = index + 1 if index else ""
    panels.fig.add_shape(
        type="line", layer="below", line={"color": "#8a8a8a", "width": 1, "dash": "dot"},
        xref=f"x{number} domain", x0=0, x1=1, yref=f"y{number}", y0=_GOAL, y1=_GOAL,
    )  # fmt: skip


def _style(method: str) -> LineStyle:
    return _STYLES.get(method, LineStyle(BLACK, "dot", "circle"))
