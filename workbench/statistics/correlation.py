"""Rank correlation: whether two ways to measure put the same things first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def spearman(one: ArrayLike, other: ArrayLike) -> float:
    """Spearman's rho of two lists of n numbers, ties sharing their mean rank (Spearman, 1904).

    Pairs of which a number is not finite are left out. NaN for fewer than three pairs, or where all numbers
    of a list are equal: they then have no order.
    """
    from scipy import stats  # half a second, which printing a command's help should not take

    first, second = np.asarray(one, np.float64).ravel(), np.asarray(other, np.float64).ravel()
    both = np.isfinite(first) & np.isfinite(second)
    first, second = first[both], second[both]
    if first.size < 3 or not np.ptp(first) or not np.ptp(second):
        return float("nan")
    return float(np.corrcoef(stats.rankdata(first), stats.rankdata(second))[0, 1])


def shared_top(one: ArrayLike, other: ArrayLike, top: int) -> float:
    """Of the `top` largest of one list by size, the share that is among the `top` largest of the other.

    NaN for fewer than `top` pairs.
    """
    first, second = np.abs(np.asarray(one, np.float64)), np.abs(np.asarray(other, np.float64))
    if first.size < top:
        return float("nan")
    found = (set(np.argsort(-values, kind="stable")[:top].tolist()) for values in (first, second))
    return len(set.intersection(*found)) / top
