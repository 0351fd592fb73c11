"""Paired tests: whether differences on the same samples are centred on 0.

Axes: g comparisons, n samples, r sign patterns.
"""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from workbench.errors import RunError, near_matches
from workbench.shapes import Float, shaped

Test = Literal["sign_flip", "wilcoxon"]
TESTS: tuple[Test, ...] = get_args(Test)
_EXACT = 13
"""Up to so many samples all sign patterns are tried (8192), beyond it 9999 random ones."""
_DRAWS = 9_999


@shaped
def paired_p_values(
    differences: ArrayLike, *, test: str = "sign_flip", seed: int = 0
) -> Float[np.ndarray, " g"]:
    """Two-sided p-values that differences (g, n) are centred on 0; NaN where n < 2.

    "sign_flip" compares the mean with that under all sign patterns, or 9999 random ones beyond 13 samples,
    the same for all rows; "wilcoxon" is the signed-rank test of scipy. A row of zeros has p = 1. Raises
    RunError for another test.
    """
    if test not in TESTS:
        raise RunError(f"There is no test {test!r}.{near_matches(test, TESTS)} Tests: {', '.join(TESTS)}.")
    values = np.atleast_2d(np.asarray(differences, np.float64))
    if values.shape[1] < 2:
        return np.full(len(values), np.nan)
    if test == "wilcoxon":
        return np.array([_wilcoxon(row) for row in values])
    return _sign_flips(values, seed)


def too_few_pairs(n: int) -> str:
    """A short warning where no test of `n` pairs can reach 0.05; empty elsewhere."""
    least = 2.0 ** (1 - n) if n else 1.0
    return "" if least <= 0.05 else f"{n} pairs cannot give a p-value below {least:.2g}"


def _sign_flips(values: Float[np.ndarray, "g n"], seed: int) -> Float[np.ndarray, " g"]:
    # scipy.stats.permutation_test asks the same of its "samples" permutations, but takes sums for equal only
    # within 2e-14 of the sum seen: of values that cancel out it misses some, and so gives too small a p.
    n = values.shape[1]
    if n <= _EXACT:
        patterns = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        draws = 0
    else:
        patterns = 1 - 2 * np.random.default_rng(seed).integers(0, 2, (_DRAWS, n), dtype=np.int8)
        draws = 1  # the observed pattern counts as one of the draws
    seen = np.abs(values.sum(axis=1))
    flipped = np.abs(values @ patterns.T.astype(np.float64))  # (g, r)
    # Equal sums may differ in their last bits.
    reached = (flipped >= seen[:, None] - 1e-9 * np.abs(values).sum(axis=1)[:, None]).sum(axis=1)
    return (reached + draws) / (len(patterns) + draws)


def _wilcoxon(row: Float[np.ndarray, " n"]) -> float:
    if not row.any():
        return 1.0
    return float(cast(Any, stats.wilcoxon(row)).pvalue)
