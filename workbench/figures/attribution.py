"""Estimated effects of cuts: a heat map of layers and heads for each flow, verified cells marked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from workbench.analyses.attribution import status_of
from workbench.errors import RunError, near_matches
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid, layer_axis
from workbench.figures.parts.template import BLACK, BLUE, VERMILLION
from workbench.figures.parts.text import count_of, flow_label, layers_text, plain
from workbench.statistics.columns import require_columns

_UNITS = {"attention": "attention (%), negative", "value_norm": "attention x value norm, negative"}
_LOG_ODDS = "change of log-odds"
_SCALE = [[0, VERMILLION], [0.5, "#ffffff"], [1, BLUE]]


def attribution(
    table: pd.DataFrame,
    *,
    method: str | None = None,
    title: str | None = None,
    columns: int | None = None,
    note: str = "",
) -> Figure:
    """A panel a flow: mean over samples of the estimated change, by layer and head.

    `table` is that of `wb.attribute`. `method` is one of its methods, by default the first. Log-odds are
    drawn: those of confident answers go on where probabilities stop. A cell with a dot was verified in every
    sample, and its exact effect is drawn in place of the estimate. Raises RunError for other columns, a
    method that is not there, and an empty table.
    """
    needed = ("sample_id", "flow", "layer", "head", "method", "estimate", "status", "change_log_odds")
    require_columns(table, *needed, "estimate_log_odds", remedy="Pass the table of wb.attribute(..).")
    if table.empty:
        raise RunError("The table has no rows, so there is nothing to draw. Use more samples.")
    methods = list(dict.fromkeys(table["method"]))
    method = method or str(methods[0])
    if method not in methods:
        hint = near_matches(method, methods)
        raise RunError(f"There is no method {method!r} here.{hint} Here are: {', '.join(methods)}.")
    rows: Any = table[table["method"] == method]
    if (rows["head"] >= 0).any():
        rows = rows[rows["head"] >= 0]
    naive = bool(rows["estimate_log_odds"].isna().all())
    status = status_of(rows)
    shown = rows.assign(
        value=rows["estimate"] if naive else rows["estimate_log_odds"].where(
            rows["status"] == "estimated", rows["change_log_odds"]
        ),
        known=rows["status"] == "verified",
    )  # fmt: skip
    cells = shown.groupby(["flow", "layer", "head"], sort=False, as_index=False).agg(
        value=("value", "mean"),
        known=("known", "all"),
        first=("first_layer", "first"),
        last=("last_layer", "first"),
    )
    flows = list(dict.fromkeys(cells["flow"]))
    limit = float(np.nanquantile(np.abs(cells["value"]), 0.99)) or 1.0
    unit = _UNITS.get(str(method), _LOG_ODDS)
    panels = grid(
        [f"<b>{flow_label(flow)}</b>" for flow in flows],
        columns=columns or 2,
        title=title
        or f"{status[:1].upper()}{status[1:]}: what cutting one head in one layer would do ({method})",
        subtitle=(
            f"Mean {unit} of the answer over {count_of(len(set(rows['sample_id'])), 'sample')}. Red: the "
            "answer needs it. Estimates are first-order: only cells with a dot were cut."
        ),
        note="\n".join(filter(None, (note, f"Colours end at the 99th percentile of sizes, {limit:.2g}."))),
        panel_height=220,
    )
    for index, flow in enumerate(flows):
        here: Any = cells[cells["flow"] == flow]
        panels.add(index, _heat(here, limit, unit, first=index == 0))
        if (marked := here[here["known"]]).size and not here["known"].all():
            panels.add(index, _dots(marked))
    panels.fig.update_xaxes(**layer_axis(int(cells["layer"].min()), int(cells["layer"].max())))
    heads = sorted(set(cells["head"]))
    panels.fig.update_yaxes(
        tickvals=heads,
        ticktext=["all" if head < 0 else str(head) for head in heads],
        range=[heads[0] - 0.5, heads[-1] + 0.5],
        showgrid=False,
    )
    panels.fig.update_layout(margin={"r": 90})
    panels.name_axes(x="layer", y="head")
    return panels.fig


def _heat(here: Any, limit: float, unit: str, *, first: bool) -> go.Heatmap:
    told = [
        f"{layers_text(row['first'], row['last'])}, {_heads(row['head'])}<br>"
        f"{'exact' if row['known'] else 'estimated'}: {row['value']:+.3g}"
        for row in here.to_dict("records")
    ]
    return go.Heatmap(
        x=here["layer"],
        y=here["head"],
        z=here["value"],
        zmin=-limit,
        zmax=limit,
        colorscale=_SCALE,
        customdata=told,
        hovertemplate="%{customdata}<extra></extra>",
        showscale=first,
        colorbar={
            "title": {"text": plain(unit), "side": "right"},
            "thickness": 12,
            "x": 1.02,
            "xanchor": "left",
        },
    )


def _heads(head: int) -> str:
    return "all heads" if head < 0 else f"head {head}"


def _dots(marked: Any) -> go.Scatter:
    return go.Scatter(
        x=marked["layer"],
        y=marked["head"],
        mode="markers",
        marker={"size": 5, "color": BLACK},
        hoverinfo="skip",
        showlegend=False,
    )
