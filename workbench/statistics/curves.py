"""Means with bootstrap intervals, and the table of points that the curves draw.

Axes: g curve points, n samples, r resamples.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from workbench.errors import RunError

POINT = ["task", "flow", "window", "layer", "first_layer", "last_layer"]
"""Columns of a sweep's table that name one point of one curve."""

FEW_SAMPLES = 5
"""Below this many samples an interval says little."""
TINY_P_BASE = 0.05
"""Below this probability a relative change is mostly noise: dividing by it makes any change look large."""


class Interval(NamedTuple):
    """A mean, or a share, with its confidence interval."""

    mean: float
    low: float
    high: float
    n: int


class Point(NamedTuple):
    """One point of one curve: a row of `curve_table`."""

    task: str
    flow: str
    window: str
    layer: int
    first_layer: int
    last_layer: int
    n: int
    """Samples whose change is a number."""
    mean: float
    """Mean over samples of change_percent; NaN where n is 0."""
    low: float
    high: float
    """Ends of the mean's bootstrap interval."""
    ratio_of_means: float
    """Change in percent of the mean probability."""
    note: str
    """Why not to trust the mean, from `reliability`; usually empty."""


CURVE_COLUMNS = list(Point._fields)
"""Columns of `curve_table`."""


def bootstrap_mean(
    values: ArrayLike, *, confidence: float = 0.95, seed: int = 0, resamples: int = 2000
) -> Interval:
    """Mean of `values` with its percentile bootstrap interval.

    Values that are not finite are left out and not counted. One value, or equal values, give an interval of
    width 0: there is nothing to resample. No value gives NaN with n = 0.
    """
    kept = np.asarray(values, dtype=np.float64).ravel()
    kept = kept[np.isfinite(kept)]
    if kept.size == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    means, lows, highs = _bootstrap_rows(kept[None, :], confidence, seed, resamples)
    return Interval(float(means[0]), float(lows[0]), float(highs[0]), kept.size)


def wilson(correct: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Share of `correct` among `n` with the Wilson score interval (as fractions of 1)."""
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    if not 0 <= correct <= n:
        raise RunError(f"{correct} correct out of {n} is not a share. Pass 0 <= correct <= n.")
    span = stats.binomtest(int(correct), int(n)).proportion_ci(confidence_level=confidence, method="wilson")
    return Interval(correct / n, float(span.low), float(span.high), int(n))


def reliability(n: int, smallest_p_base: float) -> str:
    """A short warning about a mean over `n` samples; empty where there is nothing to warn of."""
    notes = []
    if n < FEW_SAMPLES:
        notes.append("no usable sample" if n == 0 else f"only {n} sample{'s' if n > 1 else ''}")
    if smallest_p_base < TINY_P_BASE:
        notes.append(f"p_base down to {smallest_p_base:.2g}: trust the ratio of means more")
    return "; ".join(notes)


def curve_table(
    table: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0, resamples: int = 2000
) -> pd.DataFrame:
    """One row a point of a curve, from a sweep's table (one row a sample, flow, window and layer).

    `mean` is the mean over samples of `change_percent`, `low` and `high` its bootstrap interval: the same as
    `bootstrap_mean` of these values. `ratio_of_means` is the change of the mean probability, which small
    `p_base` cannot blow up. Tasks and flows keep the order in which they first appear; layers ascend.
    """
    _require(table, [*POINT, "change_percent", "p_base", "p_knockout"])
    if table.empty:
        return pd.DataFrame(columns=CURVE_COLUMNS)
    usable = table.loc[
        np.isfinite(table["change_percent"].to_numpy(np.float64)),
        [*POINT, "change_percent", "p_base", "p_knockout"],
    ]
    points = cast(pd.DataFrame, table[POINT].drop_duplicates())
    seen = [pd.factorize(points[name])[0] for name in ("window", "flow", "task")]
    points = points.iloc[np.lexsort((points["layer"].to_numpy(), *seen))].reset_index(drop=True)
    place = usable[POINT].merge(points.reset_index(names="place"), on=POINT, how="left")["place"].to_numpy()
    arranged = np.argsort(place, kind="stable")
    counts = np.bincount(place, minlength=len(points))
    changes = usable["change_percent"].to_numpy(np.float64)[arranged]
    starts = np.cumsum(counts) - counts

    mean, low, high = (np.full(len(points), np.nan) for _ in range(3))
    for n in np.unique(counts[counts > 0]):  # points with as many samples share one bootstrap
        rows = np.flatnonzero(counts == n)
        values = changes[starts[rows][:, None] + np.arange(n)]
        mean[rows], low[rows], high[rows] = _bootstrap_rows(values, confidence, seed, resamples)

    base = np.bincount(place, usable["p_base"].to_numpy(np.float64), len(points))
    knocked = np.bincount(place, usable["p_knockout"].to_numpy(np.float64), len(points))
    smallest = np.full(len(points), np.inf)
    np.minimum.at(smallest, place, usable["p_base"].to_numpy(np.float64))
    points["n"] = counts
    points["mean"], points["low"], points["high"] = mean, low, high
    points["ratio_of_means"] = np.divide(
        (knocked - base) * 100, base, out=np.full(len(points), np.nan), where=base > 0
    )
    points["note"] = [reliability(int(n), p) for n, p in zip(counts, smallest, strict=True)]
    return cast(pd.DataFrame, points[CURVE_COLUMNS])


def curve_points(table: pd.DataFrame, *, seed: int = 0) -> list[Point]:
    """The rows of `curve_table` as plain values, those without any usable sample left out."""
    rows = curve_table(table, seed=seed).to_dict("records")
    return [Point(**{str(name): value for name, value in row.items()}) for row in rows if row["n"]]


def _bootstrap_rows(
    values: NDArray[np.float64], confidence: float, seed: int, resamples: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, low and high of every row of `values` (g, n), finite."""
    n = values.shape[1]
    means = values.mean(axis=1)
    low, high = means.copy(), means.copy()
    varied = np.ptp(values, axis=1) > 0  # equal values (one value too) have no spread to resample
    means[~varied] = low[~varied] = high[~varied] = values[~varied, 0]
    if not varied.any():
        return means, low, high
    spread = values[varied]

    def resampled_means(drawn: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        # drawn (r, n) or (n,). Every point has the same draws, so a mean is a product with how often each
        # sample was drawn: far cheaper than gathering g * r * n values.
        draws = drawn.reshape(-1, n)
        flat = draws + n * np.arange(len(draws))[:, None]
        times = np.bincount(flat.ravel(), minlength=draws.size).reshape(draws.shape)
        result = spread @ times.T / n  # (g, r)
        return result[:, 0] if drawn.ndim == 1 else result

    interval = stats.bootstrap(
        (np.arange(n),),
        resampled_means,
        n_resamples=resamples,
        batch=max(1, min(resamples, 20_000_000 // max(n, len(spread)))),  # bounds memory
        vectorized=True,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low[varied], high[varied] = interval.low, interval.high
    return means, low, high


def _require(table: pd.DataFrame, columns: list[str]) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise RunError(
            f"The table lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; it has "
            f"{', '.join(map(str, table.columns)) or 'none'}. Pass the table of a sweep (run.table)."
        )
