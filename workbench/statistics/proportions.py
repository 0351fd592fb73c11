"""Intervals of shares: of one, and of the difference of two on the same samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

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
    from scipy import stats  # half a second, which printing a command's help should not take

    span = stats.binomtest(int(correct), int(n)).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(correct / n, float(span.low), float(span.high), int(n))


def difference_of_shares(changes: ArrayLike) -> Interval:
    """The difference of two shares of the same samples, with its 95% interval (as fractions of 1).

    `changes` (n) are 1 where only the first is right, -1 where only the second, 0 where they agree. Zou and
    Donner, "Construction of confidence limits about effect measures" (2008), from the Wilson intervals of
    both kinds of change, which exclude each other. Where nothing changes, a bootstrap would give an interval
    of width 0 for any number of samples.
    """
    change = np.asarray(changes, np.float64)
    n = len(change)
    lost, won = (wilson(int((sign * change > 0).sum()), n) for sign in (1, -1))
    # Shares of samples that are lost and won correlate: where one is large there is less room for the other.
    both = lost.mean * won.mean
    linked = 2 * np.sqrt(both / ((1 - lost.mean) * (1 - won.mean))) if both else 0.0

    def reach(one: float, other: float) -> float:
        return float(np.sqrt(one**2 + other**2 + linked * one * other))

    difference = lost.mean - won.mean
    low = difference - reach(lost.mean - lost.low, won.high - won.mean)
    high = difference + reach(lost.high - lost.mean, won.mean - won.low)
    return Interval(difference, max(-1.0, low), min(1.0, high), n)


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
