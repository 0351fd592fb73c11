"""Right answers in each of several cases, a bar a case, beside what guessing and no video give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.analyses.study.cases import NO_VIDEO, UNTOUCHED
from workbench.analyses.study.shares import ALL, SHARE_COLUMNS
from workbench.errors import RunError
from workbench.figures.parts.bars import interval_bars
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid
from workbench.figures.parts.levels import LOOKS, add_levels
from workbench.figures.parts.template import INK, MUTED, line_styles, translucent
from workbench.figures.parts.text import FEW_NOTE, arrows, few_mark, plain, task_name
from workbench.statistics.columns import require_columns


def accuracy_by_case(
    shares: pd.DataFrame,
    *,
    title: str,
    subtitle: str = "",
    beside: Mapping[str, str] | None = None,
    columns: int | None = None,
    note: str = "",
) -> Figure:
    """Accuracy with 95% intervals, a panel a group, a bar a case in the order of the table.

    `shares` is that of `case_shares`; `beside` are words by case, to stand at the right of its bar. Raises
    RunError for other columns or no case.
    """
    require_columns(shares, *SHARE_COLUMNS, remedy="Pass the table of case_shares(..).")
    shown = shares.loc[(shares["case"] != NO_VIDEO).to_numpy(bool)]
    names = [str(name) for name in dict.fromkeys(shown["case"])]
    if not names:
        raise RunError("The table has no case, so there is nothing to draw.")
    groups = list(dict.fromkeys(shown["group"]))
    rows = {group: {row["case"]: row for row in _records(shown, group)} for group in groups}
    counts = {group: max(row["samples"] for row in rows[group].values()) for group in groups}
    words = dict(beside or {})
    panels = grid(
        [
            f"<b>{plain('All samples' if group == ALL else task_name(group))}</b>, n = {counts[group]}"
            f"{few_mark(counts[group])}"
            for group in groups
        ],
        columns=columns,
        title=title,
        subtitle=subtitle,
        legend=list(LOOKS)[1:],
        note="\n".join(filter(None, (note, FEW_NOTE if any(map(few_mark, counts.values())) else ""))),
        panel_height=14 + 30 * len(names),
        left=30 + round(6.9 * max(map(len, names))),
    )
    styles = line_styles(names)
    for index, group in enumerate(groups):
        here = rows[group]
        panels.add(index, _bars(here, names, styles))
        panels.add(index, _texts(here, names, words))
        first = next(iter(here.values()))
        add_levels(
            panels,
            index,
            {"no video": first["no_video_percent"], "chance": first["chance_percent"]},
            (-0.5, len(names) - 0.5),
            upright=True,
        )
    reach = 122 + 4.0 * max(map(len, words.values()), default=0) / max(1, 4 - min(3, len(groups)))
    panels.fig.update_xaxes(
        range=[0, reach], tickvals=[0, 25, 50, 75, 100], ticksuffix="%", showgrid=True, showticklabels=True
    )
    panels.fig.update_yaxes(
        range=[len(names) - 0.5, -0.5],
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=[f"{plain(arrows(name))}  " for name in names],
        showgrid=False,
        ticks="",
        tickfont={"size": 13, "color": INK},
        automargin=False,
    )
    panels.name_axes(x="correct answers")
    return panels.fig


def _records(table: pd.DataFrame, group: str) -> list[dict[str, Any]]:
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    return [row for row in rows if row["group"] == group]


def _bars(here: dict[str, dict[str, Any]], names: list[str], styles: Any) -> go.Bar:
    kept = [name for name in names if name in here]
    values, lows, highs = (
        [here[name][column] for name in kept]
        for column in ("accuracy_percent", "low_percent", "high_percent")
    )
    return go.Bar(
        orientation="h",
        y=[names.index(name) for name in kept],
        x=values,
        width=0.62,
        marker={
            "color": [
                translucent("#8a8a8a" if name == UNTOUCHED else styles[name].color, 0.45) for name in kept
            ]
        },
        error_x=interval_bars(values, lows, highs),
        customdata=[
            [
                plain(arrows(name)),
                f"{here[name]['correct']} of {here[name]['samples']}, 95% interval "
                f"{here[name]['low_percent']:.1f} to {here[name]['high_percent']:.1f}%",
                f"{here[name]['lost_points']:.1f} points lost ({here[name]['lost_low']:.1f} to "
                f"{here[name]['lost_high']:.1f})",
            ]
            for name in kept
        ],
        hovertemplate="<b>%{customdata[0]}</b><br>%{x:.1f}% correct: %{customdata[1]}<br>%{customdata[2]}"
        "<extra></extra>",
        showlegend=False,
    )


def _texts(here: dict[str, dict[str, Any]], names: list[str], words: Mapping[str, str]) -> go.Scatter:
    kept = [name for name in names if name in here]
    after = {name: f"&nbsp;&nbsp;{plain(words[name])}" if name in words else "" for name in kept}
    return go.Scatter(
        mode="text",
        y=[names.index(name) for name in kept],
        x=[103.0] * len(kept),
        text=[
            f"<b>{here[name]['accuracy_percent']:.0f}%</b><span style='color:{MUTED}'>{after[name]}</span>"
            for name in kept
        ],
        textposition="middle right",
        textfont={"size": 12, "color": INK},
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )
