"""Paired tests: whether differences on the same samples are centred on 0.

Axes: g comparisons, n samples, r sign patterns.
"""

from __future__ import annotations

import math
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike

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
    the same for all rows; "wilcoxon" is the signed-rank test of scipy. Both test whether differences are
    symmetric around 0: that is more than a mean of 0, and skewed differences of mean 0 are often rejected. A
    row of zeros has p = 1. Raises RunError for another test.
    """
    if test not in TESTS:
        raise RunError(f"There is no test {test!r}.{near_matches(test, TESTS)} Tests: {', '.join(TESTS)}.")
    values = np.atleast_2d(np.asarray(differences, np.float64))
    if values.shape[1] < 2:
        return np.full(len(values), np.nan)
    if test == "wilcoxon":
        return np.array([_wilcoxon(row) for row in values])
    return _sign_flips(values, seed)


def sign_patterns(
    n: int, draws: int, seed: int, *, alone: bool = True
) -> tuple[Float[np.ndarray, "r n"], int]:
    """Signs of n samples, a pattern a row (r, n): all of them for up to 13 samples, else `draws` random ones.

    And how many patterns to add to those that are counted: 1 for the one that was seen, which random ones
    need not hold. Patterns that are not `alone`, but go with others pattern by pattern, are always random.
    """
    if alone and n <= _EXACT:
        return 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1), 0
    drawn = np.random.default_rng(seed).integers(0, 2, (draws, n), dtype=np.int8)
    return 1.0 - 2.0 * drawn, 1


def too_few_pairs(n: int, tests: int = 1) -> str:
    """A short warning where none of `tests` of `n` pairs, corrected for all of them, can reach 0.05, and how
    many pairs can; empty elsewhere."""
    least = min(1.0, tests * 2.0 ** (1 - n))
    if least <= 0.05:
        return ""
    needed = math.ceil(1 + math.log2(tests / 0.05))
    over = f" over {tests} layers" if tests > 1 else ""
    return (
        f"{n} pair{'' if n == 1 else 's'} cannot give a p-value below {least:.2g}{over}: use {needed} or more"
    )


def _sign_flips(values: Float[np.ndarray, "g n"], seed: int) -> Float[np.ndarray, " g"]:
    # scipy.stats.permutation_test asks the same of its "samples" permutations, but takes sums for equal only
    # within 2e-14 of the sum seen: of values that cancel out it misses some, and so gives too small a p.
    patterns, more = sign_patterns(values.shape[1], _DRAWS, seed)
    seen = np.abs(values.sum(axis=1))
    flipped = np.abs(values @ patterns.T)  # (g, r)
    # Equal sums may differ in their last bits.
    reached = (flipped >= seen[:, None] - 1e-9 * np.abs(values).sum(axis=1)[:, None]).sum(axis=1)
    return (reached + more) / (len(patterns) + more)


def _wilcoxon(row: Float[np.ndarray, " n"]) -> float:
    if not row.any():
        return 1.0
    from scipy import stats  # half a second, which printing a command's help should not take

    return float(cast(Any, stats.wilcoxon(row)).pvalue)
