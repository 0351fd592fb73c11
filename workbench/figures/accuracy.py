"""How many questions a model answers correctly, a bar a task."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.template import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    TEMPLATE,
    VERMILLION,
    translucent,
)
from workbench.figures.parts.text import plain, task_name
from workbench.statistics.curves import Interval, wilson

_COLORS = [BLUE, ORANGE, SKY, VERMILLION, PURPLE]


def accuracy(samples: pd.DataFrame, *, title: str | None = None) -> go.Figure:
    """Share of correct answers a task with its 95% Wilson interval.

    `samples` has a row a sample with columns `task` and `correct`, as run.samples does. With a column `model`
    there is a bar a model in each task. Raises RunError where the columns or all rows are missing.
    """
    missing = [name for name in ("task", "correct") if name not in samples]
    if missing:
        raise RunError(f"The table lacks the columns {', '.join(missing)}. Pass run.samples.")
    if samples.empty:
        raise RunError("The table has no samples, so there is no accuracy to draw.")
    models = list(dict.fromkeys(samples["model"])) if "model" in samples else [None]
    tasks = list(dict.fromkeys(samples["task"]))
    fig = go.Figure()
    for place, model in enumerate(models):
        of_model = samples if model is None else samples[samples["model"] == model]
        shares = []
        for task in tasks:
            correct = of_model.loc[of_model["task"] == task, "correct"].astype(bool)
            shares.append(wilson(int(correct.sum()), len(correct)))
        fig.add_trace(
            go.Bar(
                orientation="h",
                y=[plain(task_name(task)) for task in tasks],
                x=[100 * share.mean for share in shares],
                marker={"color": translucent(_COLORS[place % len(_COLORS)], 0.45)},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [100 * (share.high - share.mean) for share in shares],
                    "arrayminus": [100 * (share.mean - share.low) for share in shares],
                    "color": INK,
                    "thickness": 1.4,
                    "width": 4,
                },
                customdata=[[round(share.mean * share.n) if share.n else 0, share.n] for share in shares],
                hovertemplate="<b>%{y}</b><br>%{x:.1f}% correct: %{customdata[0]} of %{customdata[1]}"
                "<extra></extra>",
                name="accuracy" if model is None else plain(model),
                showlegend=len(models) > 1,
            )
        )
        if len(models) == 1:
            for task, share in zip(tasks, shares, strict=True):
                _label(fig, task, share)
    heading = "Correct answers of the untouched model" if title is None else title
    fig.update_layout(
        template=TEMPLATE,
        title={"text": f"<b>{plain(heading)}</b>", "x": 0, "xref": "container", "pad": {"l": 14}},
        height=120 + (len(models) * 20 + 12) * len(tasks),
        bargap=0.4,
        margin={"l": 10, "r": 110 if len(models) == 1 else 16, "t": 86 if len(models) > 1 else 52},
        legend={"y": 1, "yanchor": "bottom", "traceorder": "normal"},
    )
    fig.update_xaxes(range=[0, 100.5], ticksuffix="%", showgrid=True, title_text="correct answers")
    fig.update_yaxes(categoryorder="array", categoryarray=[plain(task_name(task)) for task in tasks])
    fig.update_yaxes(autorange="reversed")
    fig.update_yaxes(showgrid=False, ticks="", ticksuffix="  ", tickfont={"size": 13, "color": INK})
    return fig


def _label(fig: go.Figure, task: str, share: Interval) -> None:
    """The share in words, at the right of its bar."""
    count = f"{round(share.mean * share.n)} of {share.n}" if share.n else "no sample"
    fig.add_annotation(
        x=1,
        xref="paper",
        xanchor="left",
        xshift=10,
        y=plain(task_name(task)),
        text=f"<b>{100 * share.mean:.0f}%</b> <span style='color:{MUTED}'>{count}</span>"
        if share.n
        else count,
        showarrow=False,
        font={"size": 13, "color": INK},
    )
