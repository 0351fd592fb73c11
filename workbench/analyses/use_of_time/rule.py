"""From facts to a verdict: what an answer rests on, by a stated rule, and what a task's verdicts come to."""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from workbench.analyses.use_of_time.shown import ALONE, APART, CONTENT, ELSEWHERE, KEPT, ORDER, RANDOM
from workbench.errors import RunError
from workbench.statistics.columns import require_columns
from workbench.statistics.proportions import wilson

USES_TIME, STATIC, PRIOR, UNDECIDED = VERDICTS = (
    "uses time",
    "static shortcut",
    "language prior",
    "undecided",
)
ON_VIDEO = (CONTENT, ORDER, ALONE, KEPT, ELSEWHERE)
"""Kinds of facts that change what is shown."""


class Ruling(NamedTuple):
    """What the facts of one sample come to."""

    verdict: str
    because: str


class VerdictRow(NamedTuple):
    """One sample's verdict, and the facts behind it: how many of each kind kept the answer, of how many."""

    sample_id: str
    task: str
    verdict: str
    because: str
    answer: str
    truth: str
    correct: bool
    content_kept: int
    content: int
    order_kept: int
    order: int
    alone_kept: int
    alone: int
    reversed_kept: bool
    apart_kept: bool
    random_kept: int
    random: int


class TaskRow(NamedTuple):
    """One verdict's share of a task's samples."""

    task: str
    verdict: str
    samples: int
    of: int
    percent: float
    low_percent: float
    high_percent: float
    """Ends of its 95% Wilson interval."""
    task_verdict: str
    """The verdict whose interval lies above half of the samples; "undecided" where none does."""


def rule(facts: pd.DataFrame) -> Ruling:
    """The verdict on one sample, from its rows (`FactRow`). The first that fits:

    1. Whatever is shown, in whatever order, the answer stays: language prior. (Without any video it may
       change: a model is seldom asked so.)
    2. No order changes it. One frame in every place keeps it: static shortcut. None does, and the cut between
       frames changes it where random edges do not: uses time (it compares frames, in any order). Else
       undecided.
    3. Some order changes it, but all of it hangs on one frame: this frame in every place keeps it, so does
       every order of the others around it, and so does every other clip with this frame in its place:
       static shortcut.
    4. The reversal changes it: uses time. Else undecided.
    """
    kept = {kind: facts.loc[facts["kind"] == kind, "kept"].astype(bool) for kind in facts["kind"].unique()}
    if all(here.all() for kind, here in kept.items() if kind in ON_VIDEO):
        return Ruling(PRIOR, "whatever is shown, the answer stays")
    alone = facts.loc[(facts["kind"] == ALONE) & facts["kept"].astype(bool), "frame"].tolist()
    if kept[ORDER].all():
        if alone:
            return Ruling(STATIC, f"no order changes it, and frame {alone[0]} alone gives it")
        if not kept[APART].any() and RANDOM in kept and kept[RANDOM].all():
            return Ruling(USES_TIME, "frames are compared: apart they do not give it, nor does one alone")
        return Ruling(UNDECIDED, "no order changes it, and no frame alone gives it")
    closer = facts.loc[facts["kind"].isin([KEPT, ELSEWHERE])].groupby("frame")["kept"].all()
    for frame in alone:
        if closer.get(frame, False):
            return Ruling(STATIC, f"it hangs on frame {frame}: enough alone, and in other clips")
    if not facts.loc[facts["fact"] == "frames reversed", "kept"].astype(bool).all():
        return Ruling(USES_TIME, "the reversal changes it, and no frame alone accounts for it")
    return Ruling(UNDECIDED, "some orders change it, but the reversal does not")


def verdict_table(facts: pd.DataFrame) -> pd.DataFrame:
    """One row a sample, in order; columns: `VerdictRow`. Raises RunError for other columns."""
    require_columns(
        facts, "sample_id", "fact", "kind", "frame", "kept", remedy="Pass the table of use_of_time(..)."
    )
    made = []
    for sample_id, rows in facts.groupby("sample_id", sort=False):
        first: dict[Any, Any] = rows.iloc[0].to_dict()
        verdict = rule(rows)

        def count(kind: str, rows: pd.DataFrame = rows) -> tuple[int, int]:
            here = rows.loc[rows["kind"] == kind, "kept"]
            return int(here.sum()), len(here)

        made.append(
            VerdictRow(
                str(sample_id),
                first["task"],
                *verdict,
                first["answer"],
                first["truth"],
                first["answer"] == first["truth"],
                *count(CONTENT),
                *count(ORDER),
                *count(ALONE),
                bool(rows.loc[rows["fact"] == "frames reversed", "kept"].all()),
                bool(rows.loc[rows["kind"] == APART, "kept"].all()),
                *count(RANDOM),
            )
        )
    return pd.DataFrame(made, columns=pd.Index(VerdictRow._fields))


def task_table(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Four rows a task, one a verdict; with several tasks also all together. Columns: `TaskRow`.

    Raises RunError where there is no verdict.
    """
    if verdicts.empty:
        raise RunError("There are no verdicts to count. Use more samples.")
    tasks = list(dict.fromkeys(verdicts["task"]))
    groups = {task: verdicts.loc[verdicts["task"] == task, "verdict"] for task in tasks}
    if len(tasks) > 1:
        groups["all"] = verdicts["verdict"]
    rows = []
    for task, found in groups.items():
        shares = {verdict: wilson(int((found == verdict).sum()), len(found)) for verdict in VERDICTS}
        clear = [verdict for verdict, share in shares.items() if share.low > 0.5]
        for verdict, share in shares.items():
            rows.append(
                TaskRow(
                    task,
                    verdict,
                    int((found == verdict).sum()),
                    share.n,
                    100 * share.mean,
                    100 * share.low,
                    100 * share.high,
                    clear[0] if clear else UNDECIDED,
                )
            )
    return pd.DataFrame(rows, columns=pd.Index(TaskRow._fields))
