"""The staged flow: in which layers each flow matters, one row a flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid, layer_axis
from workbench.figures.parts.template import INK, MUTED, LineStyle, ink_on, line_styles, translucent
from workbench.figures.parts.text import arrows, flow_label, layers_text, percent, plain, task_name
from workbench.statistics.columns import require_columns
from workbench.statistics.structural import NO_EDGE

COLUMNS = ("flow", "bin_first", "bin_last", "mean_change_percent", "counts", "first_layer", "last_layer")
"""What a pathways table holds. A further column `task`, or `model`, gives one panel for each of them."""
_ROW = 30  # pixels


class Cell(NamedTuple):
    """A row of a pathways table: one bin of layers of one flow."""

    first: int
    last: int
    mean: float
    """Mean change in percent; NaN where the bin has none."""
    counts: bool
    range_first: int | None
    range_last: int | None
    """The flow's effective range."""
    low: float
    high: float
    """Ends of the mean's 95% interval; NaN where the table has none."""
    no_edges: bool
    """The model has none of the flow's edges in these layers."""


def staged_flow(
    pathways: pd.DataFrame,
    *,
    task: str | None = None,
    title: str | None = None,
    columns: int | None = None,
    note: str = "",
) -> Figure:
    """Bins of layers as cells, darker where cutting the flow hurts more, outlined where they count.

    A frame runs from the first to the last that counts: the flow's effective range.

    `pathways` is the table of `wb.pathways(..)`: one row a flow and bin. With a column `task` there is one
    panel a task, and `task` chooses one; with a column `model` there is one a model. Numbers are mean changes
    in %. `note` is a remark below. Raises RunError for a table of other columns or without rows.
    """
    cells = _cells(pathways)
    by_model = "task" not in pathways and "model" in pathways
    known = list(dict.fromkeys(name for name, _ in cells))
    if "task" in pathways and task is not None:
        if task not in known:
            raise RunError(f"The pathways table has no task {task!r}. It has {', '.join(map(repr, known))}.")
        cells = {key: row for key, row in cells.items() if key[0] == task}
    tasks = list(dict.fromkeys(name for name, _ in cells))
    flows = list(dict.fromkeys(flow for _, flow in cells))
    styles = line_styles(flows)
    headings = [task] if task is not None else tasks
    panels = grid(
        [f"<b>{plain(name if by_model else task_name(name))}</b>" if name else "" for name in headings],
        columns=columns,
        title="The staged flow: in which layers each flow matters" if title is None else title,
        subtitle="Number: mean change of the answer's probability (%) when the flow is cut around these "
        "layers. Outlined: bins that count. Frame: the flow's effective layers, from the first to the last "
        "of them; dotted where bins between them do not count."
        + (f" Hatched: {NO_EDGE}." if any(cell.no_edges for bins in cells.values() for cell in bins) else ""),
        note=note,
        panel_height=_ROW * len(flows) + 12,
        left=24 + round(7.2 * max(len(arrows(flow)) for flow in flows)),
    )
    for index, name in enumerate(tasks):
        for row, flow in enumerate(flows):
            bins = cells.get((name, flow))
            if bins:
                panels.add(index, _bars(flow, row, bins, styles[flow]))
                if bins[0].range_first is not None and bins[0].range_last is not None:
                    whole = (bins[0].range_first, bins[0].range_last)
                    gaps = any(whole[0] <= cell.first <= whole[1] and not cell.counts for cell in bins)
                    panels.add(index, _frame(row, *whole, styles[flow], dotted=gaps))
    last_layer = max(cell.last for bins in cells.values() for cell in bins)
    panels.fig.update_xaxes(**layer_axis(1, last_layer))
    panels.fig.update_yaxes(
        range=[len(flows) - 0.5, -0.5],
        tickmode="array",
        tickvals=list(range(len(flows))),
        ticktext=[f"{flow_label(flow)} " for flow in flows],
        tickfont={"size": 13, "color": INK},
        ticks="",
        showgrid=False,
        showline=False,
        automargin=False,
    )
    panels.fig.update_layout(barmode="overlay")
    panels.name_axes(x="layer")
    return panels.fig


def _cells(pathways: pd.DataFrame) -> dict[tuple[str, str], list[Cell]]:
    """The bins of every (task or model, flow), in the table's order; "" where the table names neither."""
    require_columns(
        pathways, *COLUMNS, remedy="Pass the table of wb.pathways(run).", what="The pathways table"
    )
    if pathways.empty:
        raise RunError("The pathways table has no rows, so there is nothing to draw.")
    cells: dict[tuple[str, str], list[Cell]] = {}
    for row in pathways.to_dict("records"):
        first, last = (None if pd.isna(row[name]) else int(row[name]) for name in COLUMNS[-2:])
        cell = Cell(
            first=int(row["bin_first"]),
            last=int(row["bin_last"]),
            mean=float(row["mean_change_percent"]),
            counts=bool(row["counts"]),
            range_first=first,
            range_last=last,
            low=float(row.get("low", np.nan)),
            high=float(row.get("high", np.nan)),
            no_edges=bool(row.get("no_edges", False)),
        )
        cells.setdefault((str(row.get("task", row.get("model", ""))), str(row["flow"])), []).append(cell)
    return cells


def _bars(flow: str, row: int, bins: Sequence[Cell], style: LineStyle) -> go.Bar:
    alphas = [
        0.04 + 0.96 * min(1.0, max(0.0, -cell.mean / 100)) if cell.mean == cell.mean else 0 for cell in bins
    ]
    inks = [
        ink_on(style.color, alpha) if cell.counts else MUTED for cell, alpha in zip(bins, alphas, strict=True)
    ]
    told: list[Any] = [[layers_text(cell.first, cell.last), _told(cell)] for cell in bins]
    # Empty and pale is "no value": what never existed looks otherwise.
    hatched = {"shape": ["/" if cell.no_edges else "" for cell in bins], "fgcolor": MUTED, "size": 6}
    outlines = {"color": style.color, "width": [1.5 if cell.counts else 0 for cell in bins]}
    return go.Bar(
        orientation="h",
        y=[row] * len(bins),
        base=[cell.first - 0.46 for cell in bins],
        x=[cell.last - cell.first + 0.92 for cell in bins],
        width=0.72,
        marker={
            "color": [translucent(style.color, alpha) for alpha in alphas],
            "line": outlines,
            **({"pattern": hatched} if any(cell.no_edges for cell in bins) else {}),
        },
        text=["" if cell.mean != cell.mean else f"{round(cell.mean)}" for cell in bins],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        textfont={"size": 12, "color": inks},
        constraintext="none",
        customdata=told,
        hovertemplate=f"<b>{flow_label(flow)}</b><br>cut around %{{customdata[0]}}"
        "<br>mean change %{customdata[1]}<extra></extra>",
        name=flow_label(flow),
        showlegend=False,
    )


def _told(cell: Cell) -> str:
    """ "-63%, 95% interval -80 to -41%"."""
    if cell.no_edges:
        return NO_EDGE
    if cell.mean != cell.mean:
        return "no value"
    known = cell.low == cell.low
    return percent(cell.mean) + (f", 95% interval {cell.low:+.1f} to {cell.high:+.1f}%" if known else "")


def _frame(row: int, first: int, last: int, style: LineStyle, *, dotted: bool = False) -> go.Scatter:
    left, right, upper, lower = first - 0.5, last + 0.5, row - 0.4, row + 0.4
    return go.Scatter(
        x=[left, right, right, left, left],
        y=[upper, upper, lower, lower, upper],
        mode="lines",
        line={"color": style.color, "width": 1.2, "dash": "dot"}
        if dotted
        else {"color": style.color, "width": 2.5},
        name=layers_text(first, last),
        hoverinfo="skip",
        cliponaxis=False,
        showlegend=False,
    )
