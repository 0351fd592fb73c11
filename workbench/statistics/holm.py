"""Correction of p-values for how many were looked at. scipy has false discovery rates only, which let some
wrong alarms pass; Holm's correction keeps the chance of any at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workbench.shapes import Float, shaped


@shaped
def holm(p_values: ArrayLike) -> Float[np.ndarray, " g"]:
    """p-values corrected for how many there are; NaN stays NaN and does not count.

    Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    given = np.asarray(p_values, np.float64)
    corrected = np.full(given.shape, np.nan)
    known = np.flatnonzero(np.isfinite(given))
    order = known[np.argsort(given[known], kind="stable")]
    steps = given[order] * (known.size - np.arange(known.size))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if known.size else steps
    return corrected
