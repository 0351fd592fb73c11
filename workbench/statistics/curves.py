"""The curves of a sweep: one summary of its table, from which figures, reports and sentences are made.

A sweep's table has a row a sample, flow, window and layer; its summary, a `curve_table`, has a row a point.
Every function that draws or tells curves takes either, so that one summary can serve all of them.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from workbench.statistics.bootstrap import CONFIDENCE, RESAMPLES, interval_of, points_of, resampled_means
from workbench.statistics.cautions import reliability
from workbench.statistics.columns import SWEEP, require_columns
from workbench.statistics.familywise import chance_of_falls, upper_bounds
from workbench.statistics.ratios import ratio_of_means
from workbench.statistics.structural import NO_EDGE, structural_zeros, without_structural_zeros

POINT = ["task", "flow", "window", "layer", "first_layer", "last_layer"]
"""Columns of a sweep's table that name one point of one curve."""
CHANGES = (-100.0, np.inf)
"""The least and the largest change of a probability, in percent."""


class Point(NamedTuple):
    """One point of one curve: a row of `curve_table`."""

    task: str
    flow: str
    window: str
    layer: int
    first_layer: int
    last_layer: int
    """Layers from 1, both ends included."""
    n: int
    """Samples whose change is a number."""
    mean: float
    """Mean over samples of change_percent; NaN where n is 0."""
    low: float
    high: float
    """Ends of the mean's bootstrap interval, in percent."""
    ratio_of_means: float
    """Change in percent of the mean probability."""
    note: str
    """Why not to trust the mean, from `reliability`; usually empty."""
    bound: float = np.nan
    """Upper end of a band over all points of the table at once, see `workbench.statistics.familywise`."""
    p_fall: float = np.nan
    """Probability that in a table of symmetric noise any point falls as clearly, see there; 1 above -5%."""


CURVE_COLUMNS = list(Point._fields)
"""Columns of `curve_table`."""


def curve_table(
    table: pd.DataFrame, *, confidence: float = CONFIDENCE, seed: int = 0, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """One row a point of a curve, from a sweep's table (one row a sample, flow, window and layer).

    Columns: `Point`. `mean` is the mean over samples of `change_percent`, `low` and `high` its bootstrap
    interval: the same as `bootstrap_mean` of these values. `ratio_of_means` is the change of the mean
    probability, which small `p_base` cannot blow up. `bound` and `p_fall` allow for all points of this table:
    those of a part of it may be lower. Where a model has none of a flow's edges there is no effect to speak
    of: n is 0, `note` is `NO_EDGE`, and the curve has a gap. Tasks and flows keep the order in which they
    first appear; layers ascend. Raises RunError where columns are missing.
    """
    require_columns(table, *POINT, "change_percent", "p_base", "p_knockout", remedy=SWEEP)
    nothing = structural_zeros(table)
    table = without_structural_zeros(table)
    if table.empty:
        return pd.DataFrame(columns=CURVE_COLUMNS)
    points = _means(table, confidence, seed, resamples)
    usable = np.isfinite(table["change_percent"].to_numpy(np.float64))
    every = table.groupby(POINT, sort=False).ngroup().to_numpy()
    place = every[usable]
    p_base, p_knockout = (table[name].to_numpy(np.float64)[usable] for name in ("p_base", "p_knockout"))
    base, knocked = (np.bincount(place, values, len(points)) for values in (p_base, p_knockout))
    smallest = np.full(len(points), np.inf)
    np.minimum.at(smallest, place, p_base)
    points["ratio_of_means"] = ratio_of_means(base, knocked)
    zeros = np.bincount(every, nothing) == np.bincount(every)
    points["note"] = [
        NO_EDGE if zero and not n else reliability(int(n), p)
        for n, p, zero in zip(points["n"], smallest, zeros, strict=True)
    ]
    seen = [pd.factorize(points[name])[0] for name in ("window", "flow", "task")]
    ordered = points.iloc[np.lexsort((points["layer"].to_numpy(), *seen))].reset_index(drop=True)
    return cast(pd.DataFrame, ordered[CURVE_COLUMNS])


def _means(table: pd.DataFrame, confidence: float, seed: int, resamples: int) -> pd.DataFrame:
    """The points of a sweep's table with n, mean, low, high, bound and p_fall."""
    points = cast(pd.DataFrame, table[POINT].drop_duplicates()).reset_index(drop=True)
    counts = np.zeros(len(points), np.int64)
    numbers = np.full((5, len(points)), np.nan)
    groups = list(points_of(table, POINT, "change_percent"))
    found = [resampled_means(values, seed=seed, resamples=resamples) for _, values in groups]
    bounds, chances = upper_bounds(found), chance_of_falls([values for _, values in groups], seed=seed)
    for (rows, values), means, bound, chance in zip(groups, found, bounds, chances, strict=True):
        counts[rows] = values.shape[1]
        numbers[:, rows] = *interval_of(means, confidence=confidence, within=CHANGES), bound, chance
    mean, low, high, bound, p_fall = numbers
    return points.assign(n=counts, mean=mean, low=low, high=high, bound=bound, p_fall=p_fall)


def is_summary(table: pd.DataFrame) -> bool:
    """Whether this is a `curve_table` already, and no sweep's table."""
    return "change_percent" not in table and {"n", "mean", "low", "high"} <= set(table.columns)


def curves_of(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """The `curve_table` of a sweep's table; a summary is given back as it is."""
    if not is_summary(table):
        return curve_table(table, seed=seed)
    require_columns(table, *CURVE_COLUMNS, remedy="Pass what curve_table(run.table) gives.")
    return table


def layers_without_edges(table: pd.DataFrame) -> pd.DataFrame:
    """The points of a `curve_table` at which the model has none of the flow's edges."""
    return cast(pd.DataFrame, table[(table["n"] == 0) & (table["note"] == NO_EDGE)])


def curve_points(table: pd.DataFrame, *, seed: int = 0) -> list[Point]:
    """The points of a sweep's table, or of its summary, as plain values; those without any usable sample are
    left out. `seed` draws the intervals where there is no summary yet."""
    rows = curves_of(table, seed=seed).to_dict("records")
    return [Point(**{name: row[name] for name in CURVE_COLUMNS}) for row in rows if row["n"]]
