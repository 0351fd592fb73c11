"""Two ways to average a relative change over samples.

The mean of ratios (of change_percent) weighs every sample the same, as Map the Flow does; the ratio of means
weighs it by its probability, so that a sample with a tiny p_base cannot blow it up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from workbench.shapes import Float, shaped


@shaped
def ratio_of_means(base: ArrayLike, knocked: ArrayLike) -> Float[np.ndarray, "*g"]:
    """Change in percent of a mean probability, from sums or means over the same samples (g).

    NaN where `base` is 0.
    """
    before, after = np.asarray(base, np.float64), np.asarray(knocked, np.float64)
    return np.divide((after - before) * 100, before, out=np.full(before.shape, np.nan), where=before > 0)
