"""The bootstrap over samples: how far a number would move with other samples of the same kind.

Percentile intervals (Efron, "Bootstrap methods: another look at the jackknife", 1979). Two ways in, one for
means of many points at once (`bootstrap_means`), one for any other statistic (`sample_weights` and
`percentile_interval`), where all curves must be resampled together.

Axes: g points, n samples, r resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from workbench.shapes import Float, shaped

CONFIDENCE = 0.95
RESAMPLES = 2000
_AT_ONCE = 20_000_000
"""Numbers of one batch of resamples: bounds memory."""


class Interval(NamedTuple):
    """A mean, or a share, with its confidence interval."""

    mean: float
    low: float
    high: float
    n: int
    """Samples."""


class Estimate(NamedTuple):
    """Any number with its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = (f"{round(number, 1) + 0.0:.1f}" for number in self)  # no -0.0
        return f"{value} ({low} to {high})"


def bootstrap_mean(
    values: ArrayLike, *, confidence: float = CONFIDENCE, seed: int = 0, resamples: int = RESAMPLES
) -> Interval:
    """Mean of `values` (n) with its percentile bootstrap interval, in the unit of the values.

    Values that are not finite are left out and not counted. One value, or equal values, give an interval of
    width 0: there is nothing to resample. No value gives NaN with n = 0.
    """
    kept = np.asarray(values, dtype=np.float64).ravel()
    kept = kept[np.isfinite(kept)]
    if kept.size == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    means, lows, highs = bootstrap_means(kept[None, :], confidence=confidence, seed=seed, resamples=resamples)
    return Interval(float(means[0]), float(lows[0]), float(highs[0]), kept.size)


def bootstrap_table(
    table: pd.DataFrame,
    by: Sequence[str],
    values: str,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """`bootstrap_mean` of a column for each combination of the columns `by`: these, and n, mean, low, high.

    The rows keep the order in which the combinations first appear.
    """
    points = cast(pd.DataFrame, table[list(by)].drop_duplicates()).reset_index(drop=True)
    place = table.groupby(list(by), sort=False).ngroup().to_numpy()
    given = table[values].to_numpy(np.float64)
    place, given = place[np.isfinite(given)], given[np.isfinite(given)]
    counts = np.bincount(place, minlength=len(points))
    starts = np.cumsum(counts) - counts
    arranged = given[np.argsort(place, kind="stable")]
    mean, low, high = (np.full(len(points), np.nan) for _ in range(3))
    for n in np.unique(counts[counts > 0]):  # points with as many samples share one bootstrap
        rows = np.flatnonzero(counts == n)
        mean[rows], low[rows], high[rows] = bootstrap_means(
            arranged[starts[rows][:, None] + np.arange(n)],
            confidence=confidence,
            seed=seed,
            resamples=resamples,
        )
    return points.assign(n=counts, mean=mean, low=low, high=high)


@shaped
def bootstrap_means(
    values: Float[np.ndarray, "g n"],
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Float[np.ndarray, " g"], Float[np.ndarray, " g"], Float[np.ndarray, " g"]]:
    """Mean, low and high (g) of every row of `values` (g, n), all finite.

    Every row has the same draws: which other rows there are does not change its interval.
    """
    n = values.shape[1]
    means = values.mean(axis=1)
    low, high = means.copy(), means.copy()
    varied = np.ptp(values, axis=1) > 0  # equal values (one value too) have no spread to resample
    means[~varied] = low[~varied] = high[~varied] = values[~varied, 0]
    if not varied.any():
        return means, low, high
    spread = values[varied]

    def resampled_means(drawn: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        # drawn (r, n) or (n,). A mean is a product with how often each sample was drawn: far cheaper than
        # gathering g * r * n values.
        draws = drawn.reshape(-1, n)
        flat = draws + n * np.arange(len(draws))[:, None]
        times = np.bincount(flat.ravel(), minlength=draws.size).reshape(draws.shape)
        result = spread @ times.T / n  # (g, r)
        return result[:, 0] if drawn.ndim == 1 else result

    interval = stats.bootstrap(
        (np.arange(n),),
        resampled_means,
        n_resamples=resamples,
        batch=max(1, min(resamples, _AT_ONCE // max(n, len(spread)))),
        vectorized=True,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low[varied], high[varied] = interval.low, interval.high
    return means, low, high


@shaped
def sample_weights(n: int, *, seed: int = 0, resamples: int = RESAMPLES) -> Float[np.ndarray, "draws n"]:
    """The share of each of n samples in every resample (1 + r, n); row 0 is the samples as they are.

    A weighted mean of curves is the curve of a resample, from which any statistic can be read.
    """
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.vstack([np.ones((1, n)), times]) / n


@shaped
def percentile_interval(drawn: Float[np.ndarray, " draws"]) -> Estimate:
    """A statistic (1 + r) with its 95% interval: row 0 of `sample_weights` gives its value.

    Resamples without a finite value are left out; NaN where there is no other, or the value is not finite.
    """
    usable = drawn[1:][np.isfinite(drawn[1:])]
    if not usable.size or not np.isfinite(drawn[0]):
        return Estimate(float("nan"), float("nan"), float("nan"))
    low, high = np.quantile(usable, [0.025, 0.975])
    return Estimate(float(drawn[0]), float(low), float(high))
