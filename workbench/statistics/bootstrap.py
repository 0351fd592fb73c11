"""The bootstrap over samples: how far a number would move with other samples of the same kind.

Means have bootstrap-t intervals (Efron, "Nonparametric standard errors and confidence intervals", 1981): what
is resampled is the distance of a mean in units of its own standard error, so that few or skewed samples widen
the interval as they should. Any other number has the percentile interval, widened for few samples
(Hesterberg, "What teachers should know about the bootstrap", 2015). docs/statistics.md shows how often each
holds the truth, beside the ones that were not taken.

Axes: g points, n samples, r resamples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from workbench.shapes import Float, shaped

CONFIDENCE = 0.95
RESAMPLES = 2000
LEAST_VARIANCE = 0.1
"""The variance of a resample counts as at least this share of the samples' own. Of few samples, or many
zeros, some resamples hold one value only: dividing by their spread would give intervals without an end."""
ANY = (-np.inf, np.inf)
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


class Resampled(NamedTuple):
    """Means of g points, and how far the means of their resamples lie from them."""

    mean: Float[np.ndarray, " g"]
    error: Float[np.ndarray, " g"]
    """Standard error of the mean; 0 where all values are equal, and for a single one."""
    moved: Float[np.ndarray, "r g"]
    """Mean of the resample minus that of the samples."""
    studentized: Float[np.ndarray, "r g"]
    """The same in standard errors of the resample; 0 where all values are equal."""

    def limits(self, share: float) -> Float[np.ndarray, " g"]:
        """The value (g) that the true means exceed with a probability of 1 - `share`."""
        return self.mean - np.quantile(self.studentized, 1 - share, axis=0) * self.error


def bootstrap_mean(
    values: ArrayLike,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
    within: tuple[float, float] = ANY,
) -> Interval:
    """Mean of `values` (n) with its bootstrap-t interval, in the unit of the values.

    `within` are the least and the largest mean that there can be: no interval reaches beyond. Values that are
    not finite are left out and not counted. One value, or equal values, give an interval of width 0: there is
    nothing to resample. No value gives NaN with n = 0.
    """
    kept = np.asarray(values, dtype=np.float64).ravel()
    kept = kept[np.isfinite(kept)]
    if kept.size == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    told = {"confidence": confidence, "seed": seed, "resamples": resamples}
    means, lows, highs = bootstrap_means(kept[None, :], within=within, **told)
    return Interval(float(means[0]), float(lows[0]), float(highs[0]), kept.size)


def bootstrap_table(
    table: pd.DataFrame,
    by: Sequence[str],
    values: str,
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
    within: tuple[float, float] = ANY,
) -> pd.DataFrame:
    """`bootstrap_mean` of a column for each combination of the columns `by`: these, and n, mean, low, high.

    The rows keep the order in which the combinations first appear.
    """
    points = cast(pd.DataFrame, table[list(by)].drop_duplicates()).reset_index(drop=True)
    counts = np.zeros(len(points), np.int64)
    mean, low, high = (np.full(len(points), np.nan) for _ in range(3))
    for rows, group in points_of(table, by, values):
        counts[rows] = group.shape[1]
        mean[rows], low[rows], high[rows] = bootstrap_means(
            group, confidence=confidence, seed=seed, resamples=resamples, within=within
        )
    return points.assign(n=counts, mean=mean, low=low, high=high)


def points_of(
    table: pd.DataFrame, by: Sequence[str], values: str
) -> Iterator[tuple[np.ndarray, Float[np.ndarray, "g n"]]]:
    """The finite values of a column by combination of the columns `by`; points with as many values at once.

    Gives places of the points, in the order in which the combinations first appear, and their values in the
    order of the table. Points without a value are left out.
    """
    place = table.groupby(list(by), sort=False).ngroup().to_numpy()
    given = table[values].to_numpy(np.float64)
    points = int(place.max()) + 1 if len(place) else 0
    place, given = place[np.isfinite(given)], given[np.isfinite(given)]
    counts = np.bincount(place, minlength=points)
    starts = np.cumsum(counts) - counts
    arranged = given[np.argsort(place, kind="stable")]
    for n in np.unique(counts[counts > 0]):
        rows = np.flatnonzero(counts == n)
        yield rows, arranged[starts[rows][:, None] + np.arange(n)]


@shaped
def bootstrap_means(
    values: Float[np.ndarray, "g n"],
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    resamples: int = RESAMPLES,
    within: tuple[float, float] = ANY,
) -> tuple[Float[np.ndarray, " g"], Float[np.ndarray, " g"], Float[np.ndarray, " g"]]:
    """Mean, low and high (g) of every row of `values` (g, n), all finite.

    Every row has the same draws: which other rows there are does not change its interval.
    """
    return interval_of(
        resampled_means(values, seed=seed, resamples=resamples), confidence=confidence, within=within
    )


def interval_of(
    found: Resampled, *, confidence: float = CONFIDENCE, within: tuple[float, float] = ANY
) -> tuple[Float[np.ndarray, " g"], Float[np.ndarray, " g"], Float[np.ndarray, " g"]]:
    """Mean, low and high (g) of resampled means."""
    share = (1 - confidence) / 2
    # A mean lies in its own interval, also where most resamples lie on one side of it.
    low, high = np.minimum(found.limits(share), found.mean), np.maximum(found.limits(1 - share), found.mean)
    return found.mean, np.maximum(low, within[0]), np.minimum(high, within[1])


@shaped
def resampled_means(
    values: Float[np.ndarray, "g n"], *, seed: int = 0, resamples: int = RESAMPLES
) -> Resampled:
    """The means of every row of `values` (g, n), all finite, and of their resamples. Rows have the same
    draws."""
    points, n = values.shape
    varied = np.ptp(values, axis=1) > 0  # equal values (one value too) have no spread to resample
    mean = np.where(varied, values.mean(axis=1), values[:, 0])
    moved, studentized = (np.zeros((resamples, points)) for _ in range(2))
    error = np.zeros(points)
    if not varied.any():
        return Resampled(mean, error, moved, studentized)
    centred = values[varied] - mean[varied, None]
    scale = np.abs(centred).max(axis=1)
    centred /= scale[:, None]  # so that squares neither vanish nor overflow
    variance = (centred**2).sum(axis=1) / (n - 1)
    error[varied] = scale * np.sqrt(variance / n)
    squared, columns = centred**2, slice(None) if varied.all() else varied
    draw = np.random.default_rng(seed)
    batch = max(1, min(resamples, _AT_ONCE // n))
    for start in range(0, resamples, batch):
        part = slice(start, min(start + batch, resamples))
        # A mean is a product with how often each sample was drawn: cheaper than gathering g * r * n values.
        shares = _shares(n, part.stop - part.start, draw)
        shift = shares @ centred.T
        error_squared = shares @ squared.T
        error_squared -= shift**2
        error_squared /= n - 1
        np.maximum(error_squared, LEAST_VARIANCE / n * variance, out=error_squared)
        moved[part, columns] = shift * scale
        studentized[part, columns] = np.divide(shift, np.sqrt(error_squared, out=error_squared), out=shift)
    return Resampled(mean, error, moved, studentized)


@shaped
def sample_weights(n: int, *, seed: int = 0, resamples: int = RESAMPLES) -> Float[np.ndarray, "draws n"]:
    """The share of each of n samples in every resample (1 + r, n); row 0 is the samples as they are.

    A weighted mean of curves is the curve of a resample, from which any statistic can be read.
    """
    return np.vstack([np.full((1, n), 1 / n), _shares(n, resamples, np.random.default_rng(seed))])


@shaped
def percentile_interval(drawn: Float[np.ndarray, " draws"], n: int) -> Estimate:
    """A statistic (1 + r) of n samples with its 95% interval: row 0 of `sample_weights` gives its value.

    The percentiles lie further out than 2.5 and 97.5, by as much as Student's t exceeds the normal
    distribution for n samples. Resamples without a finite value are left out; NaN where there is no other, or
    the value is not finite.
    """
    usable = drawn[1:][np.isfinite(drawn[1:])]
    if not usable.size or not np.isfinite(drawn[0]):
        return Estimate(float("nan"), float("nan"), float("nan"))
    from scipy import stats  # half a second, which printing a command's help should not take

    wide = stats.t.ppf((1 - CONFIDENCE) / 2, n - 1) * np.sqrt(n / (n - 1)) if n > 1 else -np.inf
    outer = float(stats.norm.cdf(wide))
    low, high = np.quantile(usable, [outer, 1 - outer])
    return Estimate(float(drawn[0]), float(low), float(high))


def _shares(n: int, resamples: int, draw: np.random.Generator) -> Float[np.ndarray, "r n"]:
    """The share of each of n samples in every resample (r, n)."""
    drawn = draw.integers(0, n, (resamples, n))
    drawn += n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n) / n
