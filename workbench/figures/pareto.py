"""Accuracy against measured time: every case a point, and the front that no other case beats."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid
from workbench.figures.parts.levels import LOOKS, add_levels
from workbench.figures.parts.template import BLUE, MUTED, VERMILLION
from workbench.figures.parts.text import plain
from workbench.statistics.columns import require_columns

_NEEDED = (
    *("case", "samples", "accuracy_percent", "low_percent", "high_percent", "untouched_percent"),
    *("no_video_percent", "chance_percent", "prefill_percent", "pairs_percent", "on_front"),
)


def pareto(table: pd.DataFrame, *, chosen: str = "", caption: str = "", note: str = "") -> Figure:
    """`table` is that of `search_table`; the case that was `chosen` is ringed. Raises RunError for others."""
    require_columns(table, *_NEEDED, remedy="Pass the table of search_table(..).")
    if table.empty:
        raise RunError("The table has no case, so there is nothing to draw.")
    rows = table.sort_values("prefill_percent").to_dict("records")
    panels = grid(
        [f"<b>All samples</b>, n = {rows[0]['samples']}"],
        columns=None,
        title="Accuracy against time: which exit, which window",
        subtitle="A point a case, with its 95% interval. Blue: no other case is as fast and as accurate. "
        "Ringed: chosen on one half of the samples.",
        legend=list(LOOKS),
        caption=caption,
        note=note,
    )
    lowest, highest = min(row["prefill_percent"] for row in rows), max(row["prefill_percent"] for row in rows)
    levels = {name: rows[0][f"{key}_percent"] for name, key in
              (("untouched model", "untouched"), ("no video", "no_video"), ("chance", "chance"))}  # fmt: skip
    add_levels(panels, 0, levels, (lowest, highest))
    for front, color in ((False, MUTED), (True, BLUE)):
        own = [row for row in rows if bool(row["on_front"]) is front]
        panels.add(
            0,
            go.Scatter(
                x=[row["prefill_percent"] for row in own],
                y=[row["accuracy_percent"] for row in own],
                mode="lines+markers+text" if front else "markers",
                line={"color": color, "width": 1.6},
                marker={"color": color, "size": 9 if front else 6},
                text=[plain(row["case"]) for row in own],
                textposition="top center",
                textfont={"size": 11},
                error_y={
                    "symmetric": False,
                    "array": [row["high_percent"] - row["accuracy_percent"] for row in own],
                    "arrayminus": [row["accuracy_percent"] - row["low_percent"] for row in own],
                    "thickness": 1,
                    "width": 3,
                    "color": color,
                },
                customdata=[[plain(row["case"]), f"{row['pairs_percent']:.0f}%"] for row in own],
                hovertemplate="<b>%{customdata[0]}</b><br>%{y:.1f}% correct, %{x:.0f}% of the time, "
                "%{customdata[1]} of the attention pairs<extra></extra>",
                showlegend=False,
            ),
        )
    ringed = [row for row in rows if row["case"] == chosen]
    panels.add(
        0,
        go.Scatter(
            x=[row["prefill_percent"] for row in ringed],
            y=[row["accuracy_percent"] for row in ringed],
            mode="markers",
            marker={"symbol": "circle-open", "size": 19, "color": VERMILLION, "line": {"width": 2.4}},
            hoverinfo="skip",
            showlegend=False,
        ),
    )
    panels.fig.update_yaxes(range=[0, 109], ticksuffix="%")
    panels.fig.update_xaxes(ticksuffix="%", showticklabels=True)
    panels.name_axes(x="measured time of reading the prompt, of the untouched model's", y="correct answers")
    return panels.fig
