"""Whether a fall is more than chance where many curves and layers are looked at for it.

Among hundreds of points noise alone makes some fall deep. Two bounds hold for all points of a table at once,
so that of tables in which nothing falls, at most 5% have a point that is called clear:

`p_fall`    Sign flips (max-statistic of Westfall and Young, "Resampling-based multiple testing", 1993). Exact
            for any number of samples where noise is symmetric, whatever correlates with what.
`bound`     The upper end of a studentized bootstrap band over all points. It allows for skewed noise, which
            sign flips take for an effect, and needs some ten samples to do so.

A point can be called clear only if it falls below `least`, and so only points that do so by chance count as
chance. Axes: g points, n samples, r draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.shapes import Float
from workbench.statistics.bootstrap import CONFIDENCE, RESAMPLES, Resampled
from workbench.statistics.paired import sign_patterns

LEAST = -5.0
"""Percent. Map the Flow's threshold: a change of less than this does not matter."""


def chance_of_falls(
    groups: Sequence[Float[np.ndarray, "g n"]], *, least: float = LEAST, seed: int = 0
) -> list[Float[np.ndarray, " g"]]:
    """The chance, for each row (g) of each group of values (g, n), that in a table of symmetric noise any
    point falls below `least`, and as clearly as it: by the sum of its values over their root sum of squares.

    It is 1 for a row whose mean does not lie below `least`. Samples are flipped whole, with all their points:
    those at the same place in the rows of a group.
    """
    drawn = [sign_patterns(values.shape[1], RESAMPLES - 1, seed, alone=len(groups) == 1) for values in groups]
    deepest = np.zeros(1)
    for values, (patterns, _) in zip(groups, drawn, strict=True):
        deepest = np.minimum(deepest, _falls(values, patterns, least).min(axis=1))
    deepest.sort()
    # The pattern that was seen counts too, where it is not among those that were drawn.
    more = drawn[0][1] if drawn else 0
    # Equal sums may differ in their last bits.
    seen = [_falls(values, np.ones((1, values.shape[1])), least)[0] for values in groups]
    reached = [np.searchsorted(deepest, sums + 1e-9, side="right") for sums in seen]
    return [(count + more) / (len(deepest) + more) for count in reached]


def upper_bounds(groups: Sequence[Resampled], *, least: float = LEAST) -> list[Float[np.ndarray, " g"]]:
    """For each point (g) of each group the upper end of a band: a point whose end lies below 0 falls, and of
    tables in which some points do not, at most 5% have one of those among them.

    Points that are seen to fall are taken out, and the band is drawn anew for those that are left (step-down;
    Romano and Wolf, "Stepwise multiple testing as formalized data snooping", 2005): how unlike each other the
    deepest falls are says nothing of the others. No end is lower than that of the point's own 95% interval.
    """
    own = [np.maximum(found.limits((1 + CONFIDENCE) / 2), found.mean) for found in groups]
    ends = [np.full(found.mean.shape, np.inf) for found in groups]
    left = [np.ones(found.mean.shape, bool) for found in groups]
    falls = [np.where(found.moved < least, -found.studentized, 0.0) for found in groups]
    while any(some.any() for some in left):
        rises = np.zeros(1)
        for fall, some in zip(falls, left, strict=True):
            rises = np.maximum(rises, fall[:, some].max(axis=1, initial=0.0))
        reach = np.quantile(rises, CONFIDENCE)
        fallen = 0
        for found, end, lowest, some in zip(groups, ends, own, left, strict=True):
            end[some] = np.maximum(found.mean + reach * found.error, lowest)[some]
            seen = some & (end < 0) & (found.mean < least)
            some &= ~seen
            fallen += int(seen.sum())
        if not fallen:
            break
    return ends


def _falls(
    values: Float[np.ndarray, "g n"], patterns: Float[np.ndarray, "r n"], least: float
) -> Float[np.ndarray, "r g"]:
    """Sums of the flipped values over their root sum of squares, which no flip changes; 0 where their mean
    does not lie below `least`."""
    size = np.sqrt((values**2).sum(axis=1))
    sums = patterns @ (values / np.where(size > 0, size, 1.0)[:, None]).T
    return np.where(sums * size / values.shape[1] < least, sums, 0.0)
