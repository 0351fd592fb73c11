"""Faithfulness over circuit sizes, as the Mechanistic Interpretability Benchmark defines it.

Mueller et al., "MIB: A Mechanistic Interpretability Benchmark" (2025, arXiv 2504.13151), section 3. With m(C)
the mean metric of the model when only the circuit C is left, N the whole model and {} no part of it:

    f(C) = (m(C) - m({})) / (m(N) - m({}))
    CPR = integral of f(C_k) over k from 0 to 1          (higher is better; 1 is the whole model's)
    CMD = integral of |1 - f(C_k)| over k from 0 to 1    (lower is better; 0 is the whole model's)

C_k is the circuit of the share k of the edges. Both integrals are sums of trapezoids over the benchmark's
sizes, from 0.1% on, as in its code.

Axes: n samples, k sizes, r resamples.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.errors import RunError
from workbench.shapes import Float, shaped
from workbench.statistics.bootstrap import CONFIDENCE, RESAMPLES, Estimate

SIZES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""The benchmark's circuit sizes: shares of all edges."""


class Faithfulness(NamedTuple):
    """Faithfulness at every size, and the areas, with 95% percentile intervals over samples."""

    curve: tuple[Estimate, ...]
    """f at each size (1 is the whole model)."""
    cpr: Estimate
    cmd: Estimate


@shaped
def faithfulness(
    metric: Float[np.ndarray, "n k"],
    full: Float[np.ndarray, " n"],
    none: Float[np.ndarray, " n"],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Faithfulness:
    """Curve and areas of circuits of the benchmark's `SIZES`.

    Args:
        metric: of each sample with each circuit alone.
        full, none: of each sample with the whole model, and with no edge of it.

    Raises RunError for another number of sizes, no sample, or where the whole model's mean is not above that
    of no edge: then there is nothing to be faithful to.
    """
    if metric.shape[1] != len(SIZES) or not len(metric):
        raise RunError(
            f"Faithfulness is integrated over {len(SIZES)} sizes of at least one sample; the metric has the "
            f"shape {metric.shape}."
        )
    span = float(full.mean() - none.mean())
    if not span > 0:
        raise RunError(
            f"The metric of the whole model ({full.mean():.3g}) is not above that without any edge "
            f"({none.mean():.3g}), so shares of it mean nothing. Use samples that the model can answer."
        )
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(full), size=(resamples, len(full)))
    whole, nothing = full[drawn].mean(axis=1), none[drawn].mean(axis=1)
    spans = whole - nothing
    # A resample in which the whole model is no better than nothing has no share; it is left out.
    sound = spans > 0
    resampled = (metric[drawn].mean(axis=1) - nothing[:, None])[sound] / spans[sound, None]
    curve = (metric.mean(axis=0) - none.mean()) / span
    low, high = _ends(resampled)
    return Faithfulness(
        tuple(Estimate(*map(float, point)) for point in zip(curve, low, high, strict=True)),
        _area(curve, resampled),
        _area(np.abs(1 - curve), np.abs(1 - resampled)),
    )


def _area(heights: np.ndarray, resampled: np.ndarray) -> Estimate:
    areas = np.trapezoid(resampled, SIZES, axis=1)
    low, high = _ends(areas[:, None])
    return Estimate(float(np.trapezoid(heights, SIZES)), float(low[0]), float(high[0]))


def _ends(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return low, high
