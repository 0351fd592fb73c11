"""How few edges are enough: accuracy and faithfulness against open edges, and what is left open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.data.sample import ALL_TASKS
from workbench.errors import RunError
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import Grid, grid, layer_axis
from workbench.figures.parts.levels import LOOKS, add_levels
from workbench.figures.parts.template import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    translucent,
)
from workbench.figures.parts.text import arrows, flow_label, plain, task_name
from workbench.statistics.columns import require_columns

_NEEDED = (
    *("task", "kind", "name", "seed", "samples", "accuracy_percent", "low_percent", "high_percent"),
    "edges_percent",
)
_REMEDY = "Pass the tables of wb.smallest_pathway(..)."
_LOOKS = {
    "ranked": ("ranked blocks", SKY, "circle", 6),
    "search": ("what the search went through", BLUE, "circle", 7),
    "random blocks": ("random blocks", ORANGE, "square", 7),
    "random edges": ("random edges", PURPLE, "x", 8),
    "paper": ("the paper's rule", VERMILLION, "diamond", 12),
    "smallest": ("smallest found", GREEN, "star", 15),
}
"""Name, colour, marker and its size, by kind of set; drawn in this order."""
_LINES = ("ranked", "search")
_UNTOUCHED = "untouched model"
_ROW = 30  # pixels


def smallest_pathway(
    table: pd.DataFrame,
    curve: pd.DataFrame | None = None,
    areas: pd.DataFrame | None = None,
    *,
    task: str | None = None,
    title: str | None = None,
    note: str = "",
) -> Figure:
    """Correct answers against the share of open edges, held-out; beside it faithfulness, where there is some.

    `table`, `curve` and `areas` are `table`, `faithfulness` and `areas` of a `SmallestPathway`; `task` is one
    task, or all together. Random sets are drawn as the mean of their draws with its interval. Raises
    RunError for other columns, no rows or an unknown task.
    """
    require_columns(table, *_NEEDED, remedy=_REMEDY)
    if table.empty:
        raise RunError("The table has no rows, so there is nothing to draw.")
    known = list(dict.fromkeys(table["task"]))
    chosen = (ALL_TASKS if ALL_TASKS in known else known[0]) if task is None else task
    if chosen not in known:
        raise RunError(f"The table has no task {chosen!r}. It has {', '.join(map(repr, known))}.")
    rows: list[dict[Any, Any]] = [
        row for row in table.to_dict("records") if row["task"] == chosen and row["seed"] == -1
    ]
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in ("full", *_LOOKS)}
    heading = "All tasks" if chosen == ALL_TASKS else plain(task_name(chosen))
    faithful = curve is not None and len(curve) > 0 and areas is not None
    titles = [f"<b>{heading}: correct answers</b>, n = {rows[0]['samples']}"]
    panels = grid(
        [*titles, "<b>Faithfulness</b> of ranked blocks"] if faithful else titles,
        columns=2 if faithful else None,
        title="How few edges are enough?" if title is None else title,
        subtitle="Held-out samples, 95% intervals. A point is a set of open edges: all others are closed. "
        "Further left is smaller.",
        legend=[_UNTOUCHED, *(look[0] for kind, look in _LOOKS.items() if kinds[kind])],
        note=note,
        panel_height=330,
    )
    full = kinds["full"][0]
    add_levels(panels, 0, {_UNTOUCHED: full["accuracy_percent"]}, (0, 100))
    for kind in _LOOKS:
        if kinds[kind]:
            for trace in _points(kind, sorted(kinds[kind], key=lambda row: row["edges_percent"])):
                panels.add(0, trace)
    _arrow(panels, kinds["smallest"][-1:], kinds["paper"][:1])
    if faithful and curve is not None and areas is not None:
        _faithfulness(panels, curve, areas)
    panels.fig.update_xaxes(range=[0, 103], ticksuffix="%", showticklabels=True)
    panels.fig.update_yaxes(range=[-4, 109], ticksuffix="%")
    panels.name_axes(x="open edges, of all of the model's")
    return panels.fig


def _points(kind: str, rows: Sequence[dict[Any, Any]]) -> list[go.Scatter]:
    name, color, symbol, size = _LOOKS[kind]
    at, right = [row["edges_percent"] for row in rows], [row["accuracy_percent"] for row in rows]
    low, high = [row["low_percent"] for row in rows], [row["high_percent"] for row in rows]
    told = [[plain(row["name"]), f"{row['low_percent']:.0f} to {row['high_percent']:.0f}%"] for row in rows]
    band = go.Scatter(
        x=[*at, *at[::-1]],
        y=[*high, *low[::-1]],
        fill="toself",
        fillcolor=translucent(color, 0.16),
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
        legendgroup=name,
    )
    banded = kind in ("ranked", "random blocks") and len(rows) > 1
    points = go.Scatter(
        x=at,
        y=right,
        mode="lines+markers" if kind in _LINES or banded else "markers",
        line={"color": color, "width": 1.6},
        marker={"color": color, "symbol": symbol, "size": size, "line": {"width": 1, "color": "#ffffff"}},
        error_y=None
        if banded
        else {
            "symmetric": False,
            "array": [upper - mean for upper, mean in zip(high, right, strict=True)],
            "arrayminus": [mean - lower for lower, mean in zip(low, right, strict=True)],
            "thickness": 1.2,
            "width": 4,
            "color": color,
        },
        customdata=told,
        hovertemplate=f"<b>{name}</b>, %{{customdata[0]}}<br>%{{y:.1f}}% correct (%{{customdata[1]}}), "
        "%{x:.1f}% of the edges<extra></extra>",
        name=name,
        legendgroup=name,
    )
    return [band, points] if banded else [points]


def _arrow(panels: Grid, smallest: Sequence[dict[Any, Any]], paper: Sequence[dict[Any, Any]]) -> None:
    """The share of edges beside the smallest set and the paper's."""
    for row in (*smallest, *paper):
        panels.fig.add_annotation(
            x=row["edges_percent"],
            y=row["accuracy_percent"],
            xref="x",
            yref="y",
            text=f"{row['edges_percent']:.0f}%",
            showarrow=False,
            yshift=-26,
            xshift=18,
            font={"size": 12, "color": _LOOKS[row["kind"]][1]},
        )


def _faithfulness(panels: Grid, curve: pd.DataFrame, areas: pd.DataFrame) -> None:
    looks = {"score": (SKY, "solid", "circle"), "magnitude": (MUTED, "dash", "diamond")}
    values = {(row["order"], row["area"]): row["value"] for row in areas.to_dict("records")}
    for order, part in curve.groupby("order", sort=False):
        color, dash, symbol = looks[str(order)]
        rows: list[dict[Any, Any]] = part.to_dict("records")
        at = [row["edges_percent"] for row in rows]
        low, high = [100 * row["low"] for row in rows], [100 * row["high"] for row in rows]
        told = f"by {order}: CPR {values[order, 'CPR']:.2f}, CMD {values[order, 'CMD']:.2f}"
        panels.add(
            1,
            go.Scatter(
                x=[*at, *at[::-1]],
                y=[*high, *low[::-1]],
                fill="toself",
                fillcolor=translucent(color, 0.16),
                line={"width": 0},
                mode="lines",
                hoverinfo="skip",
                showlegend=False,
            ),
        )
        panels.add(
            1,
            go.Scatter(
                x=at,
                y=[100 * row["faithfulness"] for row in rows],
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 1.8},
                marker={"color": color, "symbol": symbol, "size": 6},
                customdata=[[f"{row['size']:.3g}"] for row in rows],
                hovertemplate=f"<b>{told}</b><br>size %{{customdata[0]}}: faithfulness %{{y:.1f}}%"
                "<extra></extra>",
                showlegend=False,
            ),
        )
        panels.fig.add_annotation(
            x=101,
            y=8 if order == "score" else 1,
            xref="x2",
            yref="y2",
            xanchor="right",
            showarrow=False,
            text=plain(told),
            font={"size": 12, "color": INK if order == "score" else MUTED},
        )
    color, dash = LOOKS[_UNTOUCHED]
    line = {"color": color, "dash": dash, "width": 1.4}
    panels.add(1, go.Scatter(x=[0, 100], y=[100, 100], mode="lines", line=line, showlegend=False))


def open_blocks(blocks: pd.DataFrame, n_heads: int, *, title: str | None = None, note: str = "") -> Figure:
    """What the smallest set leaves open, a row a flow and a column a layer: the number of open heads.

    `blocks` is that of a `SmallestPathway`. Raises RunError for other columns or no rows.
    """
    require_columns(blocks, "flow", "layer", "edges_percent", "heads_open", "heads", remedy=_REMEDY)
    if blocks.empty:
        raise RunError("The table has no rows, so there is nothing to draw.")
    flows = list(dict.fromkeys(blocks["flow"]))
    layers = sorted(set(blocks["layer"]))
    cells = {(row["flow"], row["layer"]): row for row in blocks.to_dict("records")}
    shares = [
        [cells[flow, layer]["heads_open"] / n_heads if (flow, layer) in cells else None for layer in layers]
        for flow in flows
    ]
    of_flow = {
        flow: sum(
            row["edges_percent"] * row["heads_open"] / n_heads
            for row in blocks.to_dict("records")
            if row["flow"] == flow
        )
        for flow in flows
    }
    labels = [f"{flow_label(flow)}, {of_flow[flow]:.2g}% " for flow in flows]
    panels = grid(
        [""],
        columns=None,
        title="What the smallest set leaves open" if title is None else title,
        subtitle=f"Open heads, of {n_heads}, by flow and layer; empty: closed. Behind each flow: its open "
        "edges, of all of the model's.",
        note=note,
        panel_height=_ROW * len(flows) + 12,
        left=30 + round(7.0 * max(len(arrows(flow)) + 7 for flow in flows)),
    )
    panels.add(
        0,
        go.Heatmap(
            z=shares,
            x=layers,
            y=list(range(len(flows))),
            zmin=0,
            zmax=1,
            colorscale=[[0, "#f1f1f1"], [1e-6, translucent(BLUE, 0.15)], [1, BLUE]],
            showscale=False,
            xgap=2,
            ygap=2,
            text=[[_cell(cells, flow, layer) for layer in layers] for flow in flows],
            texttemplate="%{text}",
            customdata=[[_hover(cells, flow, layer) for layer in layers] for flow in flows],
            hovertemplate="%{customdata}<extra></extra>",
        ),
    )
    panels.fig.update_xaxes(**layer_axis(min(layers), max(layers)))
    panels.fig.update_yaxes(
        range=[len(flows) - 0.5, -0.5],
        tickmode="array",
        tickvals=list(range(len(flows))),
        ticktext=labels,
        tickfont={"size": 13, "color": INK},
        ticks="",
        showgrid=False,
        showline=False,
        automargin=False,
    )
    panels.name_axes(x="layer")
    return panels.fig


def _cell(cells: dict[Any, Any], flow: str, layer: int) -> str:
    row = cells.get((flow, layer))
    return str(row["heads_open"]) if row and row["heads_open"] else ""


def _hover(cells: dict[Any, Any], flow: str, layer: int) -> str:
    row = cells.get((flow, layer))
    heads = f"open heads {row['heads']}" if row and row["heads_open"] else "closed"
    return f"<b>{flow_label(flow)}</b>, layer {layer}<br>{heads}"
