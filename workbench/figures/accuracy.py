"""How many questions a model answers correctly, a bar a task."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import RunError
from workbench.figures.parts.bars import interval_bars, label_bar
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.template import (
    BLUE,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    TEMPLATE,
    VERMILLION,
    translucent,
)
from workbench.figures.parts.text import plain, task_name
from workbench.statistics.columns import require_columns
from workbench.statistics.proportions import Share, share_table

_COLORS = [BLUE, ORANGE, SKY, VERMILLION, PURPLE]


def accuracy(samples: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Share of correct answers a task with its 95% Wilson interval.

    `samples` has a row a sample with columns `task` and `correct`, as run.samples does, or is the summary of
    it (`workbench.statistics.share_table`). With a column `model` there is a bar a model in each task. Raises
    RunError where the columns or all rows are missing.
    """
    table = samples if "accuracy_percent" in samples else share_table(samples)
    require_columns(table, "task", *Share._fields, remedy="Pass run.samples.")
    if table.empty:
        raise RunError("The table has no samples, so there is no accuracy to draw.")
    models = list(dict.fromkeys(table["model"])) if "model" in table else [None]
    tasks = list(dict.fromkeys(table["task"]))
    found = {
        (row.get("model"), row["task"]): Share(**{name: row[name] for name in Share._fields})
        for row in table.to_dict("records")
    }
    fig = Figure()
    for place, model in enumerate(models):
        shares = [found.get((model, task), Share(0, 0, *[float("nan")] * 3)) for task in tasks]
        fig.add_trace(
            go.Bar(
                orientation="h",
                y=[plain(task_name(task)) for task in tasks],
                x=[share.accuracy_percent for share in shares],
                marker={"color": translucent(_COLORS[place % len(_COLORS)], 0.45)},
                error_x=interval_bars(
                    [share.accuracy_percent for share in shares],
                    [share.low_percent for share in shares],
                    [share.high_percent for share in shares],
                ),
                customdata=[[share.correct, share.samples] for share in shares],
                hovertemplate="<b>%{y}</b><br>%{x:.1f}% correct: %{customdata[0]} of %{customdata[1]}"
                "<extra></extra>",
                name="accuracy" if model is None else plain(model),
                showlegend=len(models) > 1,
            )
        )
        if len(models) == 1:
            for task, share in zip(tasks, shares, strict=True):
                count = f"{share.correct} of {share.samples}" if share.samples else "no sample"
                number = f"{share.accuracy_percent:.0f}%" if share.samples else ""
                label_bar(fig, plain(task_name(task)), number, count, size=13)
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
