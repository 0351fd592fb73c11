"""Did it use time? Facts by sample above, verdicts by task below."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from workbench.analyses.use_of_time.rule import PRIOR, STATIC, UNDECIDED, USES_TIME, VERDICTS
from workbench.errors import RunError
from workbench.figures.parts.bars import interval_bars
from workbench.figures.parts.figure import Figure, subplots
from workbench.figures.parts.template import BLUE, GREEN, INK, MUTED, ORANGE, TEMPLATE, title_of
from workbench.figures.parts.text import plain, task_name
from workbench.statistics.columns import require_columns

COLORS = {USES_TIME: BLUE, STATIC: ORANGE, PRIOR: GREEN, UNDECIDED: "#a8a8a8"}
_KEPT, _CHANGED = "#dfe7ee", "#3b4754"
_ROW, _BAND, _GAP = 15, 15, 46
_SYMBOLS = {USES_TIME: "circle", STATIC: "square", PRIOR: "diamond", UNDECIDED: "x"}


def use_of_time(
    table: pd.DataFrame,
    verdicts: pd.DataFrame,
    tasks: pd.DataFrame,
    *,
    title: str | None = None,
    most: int = 120,
) -> Figure:
    """The grid of facts by samples with each sample's verdict over it, and each verdict's share by task.

    `table`, `verdicts` and `tasks` are those of `use_of_time(..)`; of more than `most` samples, evenly spaced
    ones are drawn in the grid, and all are counted below. Raises RunError for other columns or no sample.
    """
    remedy = "Pass the tables of use_of_time(..)."
    require_columns(table, "sample_id", "fact", "kind", "letter", "p_answer", "kept", remedy=remedy)
    require_columns(verdicts, "sample_id", "task", "verdict", "because", remedy=remedy)
    require_columns(tasks, "task", "verdict", "percent", "low_percent", "high_percent", "of", remedy=remedy)
    if verdicts.empty:
        raise RunError("There is no verdict to draw. Use more samples.")
    places = {verdict: place for place, verdict in enumerate(VERDICTS)}
    by_task = {task: place for place, task in enumerate(dict.fromkeys(verdicts["task"]))}
    ordered = verdicts.assign(
        _task=[by_task[task] for task in verdicts["task"]],
        _verdict=[places[verdict] for verdict in verdicts["verdict"]],
    )
    ordered = ordered.sort_values(["_task", "_verdict"], kind="stable")
    step = -(-len(ordered) // most)
    drawn = ordered.iloc[::step]
    changed = table.loc[table["kind"] != ""]
    facts = list(dict.fromkeys(changed["fact"]))
    named = list(dict.fromkeys(tasks["task"]))
    heights = [_BAND, _ROW * len(facts), 12 + 4 * 13 * len(named)]
    total = sum(heights) + _GAP + 12
    fig = subplots(
        rows=3, cols=1, row_heights=[height / total for height in heights], vertical_spacing=_GAP / total / 2
    )
    _grid(fig, changed, facts, drawn, places)
    _shares(fig, tasks, named)
    many = f" {len(drawn)} of {len(ordered)} samples drawn above." if step > 1 else ""
    height = total + 166
    heading = "Did it use time?" if title is None else title
    reading = (
        "Above: dark where the answer changed, blank where nobody asked; a column a sample, its verdict on "
        "top. "
        f"Below: share of samples with 95% intervals.{many}"
    )
    fig.update_layout(
        template=TEMPLATE,
        title=title_of(plain(heading), plain(reading), height),
        height=height,
        margin={"l": 14, "r": 20, "t": 100, "b": 60},
        legend={"y": 1, "yanchor": "bottom", "yref": "paper", "traceorder": "normal"},
    )
    return fig


def _grid(
    fig: Figure, table: pd.DataFrame, facts: list[str], drawn: pd.DataFrame, places: dict[str, int]
) -> None:
    ids = drawn["sample_id"].tolist()
    cells: dict[tuple[str, str], dict[Any, Any]] = {
        (row["fact"], row["sample_id"]): row for row in table.to_dict("records")
    }
    z, said = [], []
    for fact in facts:
        rows = [cells.get((fact, sample)) for sample in ids]
        z.append([None if row is None else float(not row["kept"]) for row in rows])
        said.append(
            [
                ""
                if row is None
                else f"{plain(row['sample_id'])}<br>{plain(fact)}: {row['letter']}, p {row['p_answer']:.2f}"
                for row in rows
            ]
        )
    x = list(range(len(ids)))
    shades = [(COLORS[verdict], place) for verdict, place in places.items()]
    fig.add_trace(
        go.Heatmap(
            x=x,
            y=["verdict"],
            z=[[places[verdict] for verdict in drawn["verdict"]]],
            zmin=-0.5,
            zmax=len(places) - 0.5,
            colorscale=[[(place + end) / len(places), color] for color, place in shades for end in (0, 1)],
            text=[
                [
                    plain(f"{row['sample_id']}: {row['verdict']}, {row['because']}")
                    for row in drawn.to_dict("records")
                ]
            ],
            hovertemplate="%{text}<extra></extra>",
            showscale=False,
            xgap=1,
        ),
        row=1,
        col=1,
    )
    fig.add_trace(
        go.Heatmap(
            x=x,
            y=[plain(fact) for fact in facts],
            z=z,
            zmin=0,
            zmax=1,
            colorscale=[[0, _KEPT], [0.5, _KEPT], [0.5, _CHANGED], [1, _CHANGED]],
            text=said,
            hovertemplate="%{text}<extra></extra>",
            showscale=False,
            xgap=1,
            ygap=1,
        ),
        row=2,
        col=1,
    )
    tasks = drawn["task"].tolist()
    for task in dict.fromkeys(tasks):
        first, count = tasks.index(task), tasks.count(task)
        for row in (1, 2):
            if first:
                fig.add_vline(x=first - 0.5, line={"color": "#ffffff", "width": 4}, row=row, col=1)  # pyright: ignore[reportArgumentType]
        fig.add_annotation(
            x=first + (count - 1) / 2,
            y=len(facts) - 0.4,
            yanchor="top",
            text=plain(task_name(task)),
            showarrow=False,
            font={"size": 12, "color": INK},
            row=2,
            col=1,
        )
    for row in (1, 2):
        fig.update_xaxes(showticklabels=False, showgrid=False, ticks="", showline=False, row=row, col=1)
        fig.update_yaxes(
            showgrid=False, ticks="", showline=False, tickfont={"size": 11, "color": MUTED}, row=row, col=1
        )
    fig.update_yaxes(range=[len(facts) + 0.6, -0.5], dtick=1, row=2, col=1)


def _shares(fig: Figure, tasks: pd.DataFrame, named: list[str]) -> None:
    for place, verdict in enumerate(VERDICTS):
        rows: list[dict[Any, Any]] = [row for row in tasks.to_dict("records") if row["verdict"] == verdict]
        share = [row["percent"] for row in rows]
        color = COLORS[verdict]
        fig.add_trace(
            go.Scatter(
                mode="markers",
                x=share,
                y=[named.index(row["task"]) + (place - 1.5) * 0.2 for row in rows],
                error_x=interval_bars(
                    share, [row["low_percent"] for row in rows], [row["high_percent"] for row in rows], color
                ),
                marker={"color": color, "size": 9, "symbol": _SYMBOLS[verdict]},
                name=verdict,
                customdata=[
                    [f"{row['low_percent']:.0f} to {row['high_percent']:.0f}%", row["of"]] for row in rows
                ],
                hovertemplate=f"{verdict}: %{{x:.0f}}%, 95% interval %{{customdata[0]}}, "
                "n = %{customdata[1]}<extra></extra>",
            ),
            row=3,
            col=1,
        )
    counts = {row["task"]: row["of"] for row in tasks.to_dict("records")}
    fig.update_xaxes(range=[-2, 102], ticksuffix="%", title_text="share of samples", row=3, col=1)
    fig.update_yaxes(
        range=[len(named) - 0.5, -0.5],
        tickmode="array",
        tickvals=list(range(len(named))),
        ticktext=[f"{plain(task_name(task))}, n = {counts[task]}  " for task in named],
        showgrid=False,
        ticks="",
        tickfont={"size": 13, "color": INK},
        row=3,
        col=1,
    )
