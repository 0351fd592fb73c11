"""The answer's probability by layer: the true option against the false ones (Map the Flow, Fig. 8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import pandas as pd

from workbench.analyses.lens.answer_probability import CurvePoint, answer_curves
from workbench.analyses.lens.roles import FALSE, ROLES, TRUE
from workbench.errors import RunError, near_matches
from workbench.figures.parts.banded import banded_line
from workbench.figures.parts.figure import Figure
from workbench.figures.parts.grid import grid, layer_axis
from workbench.figures.parts.template import BLUE, VERMILLION, LineStyle
from workbench.figures.parts.text import FEW_NOTE, count_of, few_mark, plain, task_name

_STYLES = {TRUE: LineStyle(BLUE, "solid", "circle"), FALSE: LineStyle(VERMILLION, "dash", "square")}
_NAMES = {TRUE: "true option", FALSE: "false options (their mean)"}


def answer_probability(
    table: pd.DataFrame,
    *,
    tasks: str | Iterable[str] | None = None,
    only_correct: bool = True,
    title: str | None = None,
    columns: int | None = None,
    seed: int = 0,
) -> Figure:
    """Mean probability of the true option and of a false one by layer, one panel a task.

    `table` is that of `answer_probability`, or its summary (`AnswerProbability.curves`), which knows its own
    samples: `only_correct` must say which they are. Bands are 95% bootstrap intervals over samples, which
    `seed` draws where there is no summary yet. Open-ended answers have no false options. Raises RunError for
    an unknown task, and where no sample is left.
    """
    chosen = _of_tasks(table, tasks)
    if not set(CurvePoint._fields) <= set(chosen.columns):
        chosen = answer_curves(chosen, only_correct=only_correct, seed=seed)
    points = [CurvePoint(*row) for row in chosen[list(CurvePoint._fields)].itertuples(index=False)]
    shown = list(dict.fromkeys(point.task for point in points))
    most = {task: max(point.n for point in points if point.task == task) for task in shown}
    roles = [role for role in ROLES if any(point.role == role for point in points)]
    open_ended = roles == [TRUE]
    names = {TRUE: "true word"} if open_ended else _NAMES
    whose = "samples that the model answers correctly" if only_correct else "all samples"
    panels = grid(
        [f"<b>{plain(task_name(task))}</b>, n = {most[task]}{few_mark(most[task])}" for task in shown],
        columns=columns,
        title="When the answer appears: its probability at the last prompt row" if title is None else title,
        subtitle=f"Residual stream after each layer through the final norm and the unembedding. Mean over "
        f"{whose}, with its 95% bootstrap interval.",
        legend=[names[role] for role in roles],
        note=FEW_NOTE if any(map(few_mark, most.values())) else "",
    )
    for index, task in enumerate(shown):
        for role in reversed(roles):  # the true option lies on top
            curve = [point for point in points if point.task == task and point.role == role]
            if curve:
                key = {"showlegend": index == 0, "legendrank": ROLES.index(role) + 1}
                for trace in banded_line(curve, _STYLES[role], names[role], _told(curve), in_legend=key):
                    panels.add(index, trace)
    layers = [point.layer for point in points]
    panels.fig.update_xaxes(**layer_axis(min(layers), max(layers)))
    panels.fig.update_yaxes(range=[-0.03, 1.03])
    panels.name_axes(x="after layer", y="probability")
    return panels.fig


def _of_tasks(table: pd.DataFrame, tasks: str | Iterable[str] | None) -> pd.DataFrame:
    if tasks is None or "task" not in table:
        return table
    known = list(dict.fromkeys(table["task"]))
    wanted = [tasks] if isinstance(tasks, str) else list(tasks)
    for name in wanted:
        if name not in known:
            raise RunError(
                f"The table has no task {name!r}. It has {', '.join(known)}.{near_matches(name, known)}"
            )
    return cast(pd.DataFrame, table[table["task"].isin(wanted)])


def _told(curve: Sequence[CurvePoint]) -> list[str]:
    return [
        f"after layer {point.layer}<br>mean {point.mean:.3f}, 95% interval {point.low:.3f} to "
        f"{point.high:.3f}<br>{count_of(point.n, 'sample')}"
        for point in curve
    ]
