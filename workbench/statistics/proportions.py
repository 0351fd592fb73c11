"""Intervals of shares: of one, and of the difference of two on the same samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from workbench.errors import RunError
from workbench.statistics.bootstrap import CONFIDENCE, Interval
from workbench.statistics.columns import require_columns


class Share(NamedTuple):
    """The share of right answers, as tables have it."""

    samples: int
    correct: int
    accuracy_percent: float
    low_percent: float
    high_percent: float
    """Ends of its 95% Wilson interval."""


def wilson(correct: int, n: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Share of `correct` among `n` with the Wilson score interval (as fractions of 1).

    NaN where n is 0. Raises RunError where `correct` is not among `n`.
    """
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    if not 0 <= correct <= n:
        raise RunError(f"{correct} correct out of {n} is not a share. Pass 0 <= correct <= n.")
    span = stats.binomtest(int(correct), int(n)).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(correct / n, float(span.low), float(span.high), int(n))


def agresti_min(changes: ArrayLike) -> Interval:
    """The difference of two shares of the same samples, with its 95% interval (as fractions of 1).

    `changes` (n) are 1 where only the first is right, -1 where only the second, 0 where they agree. Agresti
    and Min, "Simple improved confidence intervals for comparing matched proportions" (2005): half a sample
    more of each kind of change. Where nothing changes, a bootstrap would give an interval of width 0 for any
    number of samples.
    """
    change = np.asarray(changes, np.float64)
    n, lost, won = len(change), int((change > 0).sum()), int((change < 0).sum())
    centre = (lost - won) / (n + 2)
    spread = 1.96 * np.sqrt(lost + won + 1 - (lost - won) ** 2 / (n + 2)) / (n + 2)
    low, high = max(-1.0, centre - spread), min(1.0, centre + spread)
    return Interval(float(change.mean()), float(low), float(high), n)


def share_of(correct: ArrayLike) -> Share:
    """The share of right answers among `correct` (n), true or false each."""
    right = np.asarray(correct, bool)
    share = wilson(int(right.sum()), right.size)
    return Share(share.n, int(right.sum()), 100 * share.mean, 100 * share.low, 100 * share.high)


def share_table(samples: pd.DataFrame) -> pd.DataFrame:
    """One row a task, and model where there is a column `model`: model, task, and the columns of `Share`.

    `samples` has a row a sample with columns `task` and `correct`, as run.samples does. Every model has a row
    for every task. Raises RunError where the columns are missing.
    """
    require_columns(samples, "task", "correct", remedy="Pass run.samples.")
    by_model = samples if "model" in samples else samples.assign(model="")
    rows = []
    for model in dict.fromkeys(by_model["model"]):
        for task in dict.fromkeys(by_model["task"]):
            here = (by_model["model"] == model) & (by_model["task"] == task)
            rows.append((model, task, *share_of(by_model.loc[here, "correct"].astype(bool))))
    table = pd.DataFrame(rows, columns=pd.Index(["model", "task", *Share._fields]))
    return table if "model" in samples else table.drop(columns="model")
