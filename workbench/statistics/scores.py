"""Scores of a benchmark: of all questions, over tasks, of groups that count as a whole, and by facet.

Questions about one clip stand or fall together, so an interval counts clips and not questions: the Wilson
interval of as many independent questions as the clips are worth (Korn and Graubard, "Confidence intervals for
proportions with small expected number of positive counts estimated from survey data", 1998).

Axes: n questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.statistics.bootstrap import CONFIDENCE, Interval
from workbench.statistics.columns import require_columns

MICRO, MACRO = "micro", "macro"
ANSWERED = "Pass a table with a row a question: sample_id, task, clip, group and correct."


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupScore:
    """What of a group must be right for the group to count."""

    tasks: tuple[str, ...] = ()
    """Its questions of these tasks; of all, if empty."""
    size: int | None = None
    """How many these are; None for as many as are there."""


def clustered_share(correct: ArrayLike, clusters: ArrayLike) -> Interval:
    """Share of right answers `correct` (n), of which those of one cluster `clusters` (n) may go together,
    with its 95% interval (as fractions of 1); `n` is the number of questions.

    Where no cluster has two, this is the Wilson interval. NaN where there is nothing.
    """
    right = np.asarray(correct, np.float64)
    n = len(right)
    if not n:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    share = float(right.mean())
    names, place = np.unique(np.asarray(clusters).astype(str), return_inverse=True)
    worth = _worth(right - share, place, len(names), share * (1 - share))
    low, high = _wilson(share, worth)
    return Interval(share, low, high, n)


def _worth(off: np.ndarray, place: np.ndarray, clusters: int, variance: float) -> float:
    """How many independent questions these are worth: at most as many as they are."""
    n = len(off)
    if clusters == n or n == 1:
        return float(n)
    if clusters == 1 or not variance:  # nothing says how far they go together: as far as can be
        return float(clusters)
    sums = np.bincount(place, weights=off, minlength=clusters)
    of_mean = clusters / (clusters - 1) * float((sums**2).sum()) / n**2
    from scipy import stats  # half a second, which printing a command's help should not take

    tail = (1 - CONFIDENCE) / 2
    # A variance from few clusters is uncertain itself.
    few = (stats.t.ppf(tail, n - 1) / stats.t.ppf(tail, clusters - 1)) ** 2
    return float(n) if not of_mean else min(float(n), float(variance / of_mean * few))


def _wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's score interval for a share of n questions, where n need not be whole."""
    from scipy import stats

    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, min(share, centre - reach)), min(1.0, max(share, centre + reach))


def mean_of_shares(shares: Sequence[Interval]) -> Interval:
    """The mean of independent shares, each counting the same, with its interval from theirs (Zou and Donner,
    2008); `n` is the sum of theirs. NaN for none."""
    if not shares:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    mean, low, high = np.asarray([share[:3] for share in shares]).T
    below = float(np.sqrt(((mean - low) ** 2).sum())) / len(shares)
    above = float(np.sqrt(((high - mean) ** 2).sum())) / len(shares)
    centre = float(mean.mean())
    return Interval(centre, max(0.0, centre - below), min(1.0, centre + above), sum(x.n for x in shares))


def overall_table(answered: pd.DataFrame) -> pd.DataFrame:
    """Two rows: `micro`, every question counts the same, and `macro`, every task does.

    `answered` has a row a question with columns task, clip and correct. Columns: score, samples, clips,
    tasks, correct (of micro), accuracy_percent, low_percent, high_percent (95%).
    """
    require_columns(answered, "task", "clip", "correct", remedy=ANSWERED)
    tasks = [_share(part) for _, part in answered.groupby("task", sort=False)]
    clips = answered["clip"].nunique()
    right = int(answered["correct"].to_numpy(bool).sum())
    rows = [(MICRO, right, _share(answered)), (MACRO, None, mean_of_shares(tasks))]
    table = [
        {
            "score": name,
            "samples": share.n,
            "clips": clips,
            "tasks": len(tasks),
            "correct": correct,
            **percent(share),
        }
        for name, correct, share in rows
    ]
    return pd.DataFrame(table).astype({"correct": "Int64"})


def group_table(
    answered: pd.DataFrame, scores: Mapping[str, GroupScore], expected: Mapping[tuple[str, str], int]
) -> pd.DataFrame:
    """One row a score: how many groups are right as a whole.

    A group counts where all its questions of the score's tasks were answered: `expected` says how many of
    each (group, task) there are in the data. Those with fewer answered, or another number than the score's
    size, are `incomplete` and left out. Columns: score, groups, correct, accuracy_percent, low_percent,
    high_percent (95% Wilson), incomplete. Raises RunError where columns of `answered` are missing.
    """
    require_columns(answered, "task", "group", "correct", remedy=ANSWERED)
    verdicts: dict[tuple[str, str], list[bool]] = {}
    for group, task, correct in zip(answered["group"], answered["task"], answered["correct"], strict=True):
        verdicts.setdefault((group, task), []).append(bool(correct))
    rows = []
    for name, score in scores.items():
        there: dict[str, list[tuple[str, str]]] = {}
        for group, task in expected:
            if not score.tasks or task in score.tasks:
                there.setdefault(group, []).append((group, task))
        right, incomplete = [], 0
        for places in there.values():
            size = sum(expected[place] for place in places)
            said = [verdict for place in places for verdict in verdicts.get(place, [])]
            if len(said) < size or size != (score.size or max(size, 2)):
                incomplete += 1
            else:
                right.append(all(said))
        share = clustered_share(right, np.arange(len(right)))
        told = {"score": name, "groups": share.n, "correct": sum(right), **percent(share)}
        rows.append({**told, "incomplete": incomplete})
    columns = ["score", "groups", "correct", *percent(mean_of_shares([])), "incomplete"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def facet_table(answered: pd.DataFrame, facets: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """One row a facet and value, in the order in which they come: facet, value, samples, correct, and the
    share in percent with its ends. `facets` has the facets of each sample id.

    Raises RunError where columns are missing.
    """
    require_columns(answered, "sample_id", "clip", "correct", remedy=ANSWERED)
    parts: dict[tuple[str, str], list[int]] = {}
    for name in dict.fromkeys(name for values in facets.values() for name in values):
        for row, id in enumerate(answered["sample_id"]):
            value = facets.get(str(id), {}).get(name)
            if value is not None:
                parts.setdefault((name, value), []).append(row)
    rows = []
    for (name, value), places in parts.items():
        part = answered.iloc[places]
        share, correct = _share(part), int(part["correct"].to_numpy(bool).sum())
        rows.append({"facet": name, "value": value, "samples": share.n, "correct": correct, **percent(share)})
    columns = ["facet", "value", "samples", "correct", *percent(mean_of_shares([]))]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def _share(part: pd.DataFrame) -> Interval:
    return clustered_share(part["correct"].to_numpy(bool), part["clip"])


def percent(share: Interval) -> dict[str, float]:
    """The columns of tables that hold a share and the ends of its interval."""
    return {
        "accuracy_percent": 100 * share.mean,
        "low_percent": 100 * share.low,
        "high_percent": 100 * share.high,
    }
