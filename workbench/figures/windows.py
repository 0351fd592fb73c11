"""Change of accuracy by window: a line a flow, a panel a group; windows that stand out are marked."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from workbench.analyses.study.critical import WINDOW_COLUMNS
from workbench.analyses.study.shares import ALL, SHARE_COLUMNS
from workbench.figures.parts.banded import banded_line
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import Grid, grid, layer_axis
from workbench.figures.parts.levels import LOOKS, add_levels
from workbench.figures.parts.template import line_styles
from workbench.figures.parts.text import FEW_NOTE, few_mark, flow_label, layers_text, plain, task_name
from workbench.statistics.columns import require_columns

_HOW = (
    "Accuracy with a flow cut in a few neighbouring layers, minus that of the untouched model, with 95% "
    "intervals. Ringed: windows that cost more than those that share no layer with them (paired test, "
    "corrected for all windows and flows)."
)


class _Point(NamedTuple):
    layer: int
    mean: float
    low: float
    high: float


def change_by_window(
    shares: pd.DataFrame,
    tests: pd.DataFrame,
    *,
    title: str = "Critical layers: where a cut costs right answers",
    columns: int | None = None,
    note: str = "",
) -> Figure:
    """Change of accuracy in points by the last layer of the window.

    `shares` is that of `case_shares`, `tests` that of `window_tests`. Raises RunError for other columns.
    """
    require_columns(shares, *SHARE_COLUMNS, remedy="Pass the table of case_shares(..).")
    require_columns(tests, *WINDOW_COLUMNS, remedy="Pass the table of window_tests(..).")
    groups = [str(group) for group in dict.fromkeys(tests["group"])]
    flows = [str(flow) for flow in dict.fromkeys(tests["case"])]
    counts = {group: int(tests.loc[tests["group"] == group, "samples"].max()) for group in groups}
    panels = grid(
        [
            f"<b>{plain('All samples' if group == ALL else task_name(group))}</b>, n = {counts[group]}"
            f"{few_mark(counts[group])}"
            for group in groups
        ],
        columns=columns,
        title=title,
        subtitle=_HOW,
        legend=[*map(flow_label, flows), *list(LOOKS)[1:]],
        note="\n".join(filter(None, (note, FEW_NOTE if any(map(few_mark, counts.values())) else ""))),
    )
    styles = line_styles(flows)
    layers = tests["layer"].to_numpy()
    for index, group in enumerate(groups):
        panels.add_zero_line(index)
        of_group = shares.loc[(shares["group"] == group).to_numpy(bool)]
        tested = tests.loc[(tests["group"] == group).to_numpy(bool)]
        base = of_group.iloc[0]
        levels = {
            "no video": float(base["no_video_percent"] - base["untouched_percent"]),
            "chance": float(base["chance_percent"] - base["untouched_percent"]),
        }
        add_levels(panels, index, levels, (float(layers.min()), float(layers.max())))
        for rank, flow in enumerate(flows):
            rows = _records(of_group, flow)
            marked = {row["layer"] for row in _records(tested, flow) if row["critical"]}
            _draw(panels, index, rows, marked, styles[flow], flow, rank)
    panels.fig.update_xaxes(**layer_axis(int(layers.min()), int(layers.max())))
    # Written down: matched axes take the range of one of them otherwise.
    seen = shares.loc[shares["case"].isin(flows).to_numpy(bool)]
    lowest, highest = -float(seen["lost_high"].max()), -float(seen["lost_low"].min())
    panels.fig.update_yaxes(range=[max(-104.0, lowest - 4), min(104.0, highest + 4)])
    panels.name_axes(x="layer (last of the cut window)", y="change of accuracy (points)")
    return panels.fig


def _draw(
    panels: Grid, index: int, rows: list[dict[str, Any]], marked: set[int], style: Any, flow: str, rank: int
) -> None:
    points = [_Point(row["layer"], -row["lost_points"], -row["lost_high"], -row["lost_low"]) for row in rows]
    told = [
        f"{layers_text(row['first_layer'], row['last_layer'])} cut<br>{-row['lost_points']:+.1f} points, 95% "
        f"interval {-row['lost_high']:+.1f} to {-row['lost_low']:+.1f}"
        + ("<br>stands out" if row["layer"] in marked else "")
        for row in rows
    ]
    key = {"showlegend": index == 0, "legendrank": rank + 1}
    for trace in banded_line(points, style, flow_label(flow), told, in_legend=key):
        panels.add(index, trace)
    rings = [point for point in points if point.layer in marked]
    if rings:
        panels.add(
            index,
            go.Scatter(
                x=[point.layer for point in rings],
                y=[point.mean for point in rings],
                mode="markers",
                marker={
                    "symbol": "circle-open",
                    "size": 15,
                    "color": style.color,
                    "line": {"width": 2.4, "color": style.color},
                },
                hoverinfo="skip",
                showlegend=False,
            ),
        )


def _records(table: pd.DataFrame, case: str) -> list[dict[str, Any]]:
    rows = table.sort_values("layer").to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows if row["case"] == case]
