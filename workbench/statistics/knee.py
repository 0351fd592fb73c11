"""Where a rising curve of shares is done: its knee, with an interval over samples.

Axes: n samples, d depths, r resamples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.shapes import Bool, Float, shaped
from workbench.statistics.bootstrap import Estimate, percentile_interval, sample_weights

GAINED = 0.9
"""The knee is where so much of the rise is reached."""


@shaped
def knee(right: Bool[np.ndarray, "n d"], depths: Sequence[float], *, seed: int = 0) -> Estimate:
    """The first depth from which on a curve keeps 90% of its rise from the first depth to the last.

    `right` says which samples are right at which depth; the 95% bootstrap interval resamples samples. NaN
    where nothing rises.
    """
    curves = sample_weights(len(right), seed=seed) @ right.astype(np.float64)
    return percentile_interval(knees(curves, depths), len(right))


@shaped
def knees(curves: Float[np.ndarray, "r d"], depths: ArrayLike) -> NDArray[np.float64]:
    """The knee of each curve (r): see `knee`."""
    first, last = curves[:, :1], curves[:, -1:]
    # Sums of the same samples may differ in their last bits.
    reached = curves >= first + GAINED * (last - first) - 1e-9
    stays = np.logical_and.accumulate(reached[:, ::-1], axis=1)[:, ::-1]
    found = np.asarray(depths, np.float64)[stays.argmax(axis=1)]
    return np.where((last - first)[:, 0] > 1e-9, found, np.nan)
