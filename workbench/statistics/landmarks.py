"""Landmarks of mean curves, with intervals: the curves are drawn anew from the samples, many times.

The deepest point of a curve, or the mean layer of its loss, is looked for in every resample, so that a point
is not chosen first and trusted afterwards.

Axes: n samples, l layers, r resamples. Curves are in percent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import RunError
from workbench.shapes import Float, shaped
from workbench.statistics.bootstrap import Estimate, percentile_interval, sample_weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResampledCurves:
    """Resampled mean curves of some flows on the same samples."""

    means: Mapping[str, Float[np.ndarray, "1+r l"]]
    """Mean change in percent by flow. Row 0 is that of the samples themselves."""
    samples: tuple[str, ...]

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.samples)

    def estimate(self, statistic: Callable[..., NDArray[np.float64]], *flows: str) -> Estimate:
        """A statistic of mean curves (.., l) -> (..), and the 95% percentile interval of its resamples."""
        return percentile_interval(statistic(*(self.means[flow] for flow in flows)))


def resampled_curves(
    table: pd.DataFrame, *flows: str, samples: tuple[str, ...] | None = None, seed: int = 0
) -> ResampledCurves | str:
    """Curves of these flows on the samples that have all of them; a sentence where there are none.

    `samples` keeps to some of the samples. A window with a place on the layer axis is needed.
    """
    known = set(table["flow"])
    missing = [flow for flow in flows if flow not in known]
    if missing:
        return f"the sweep did not cut {', '.join(missing)}"
    used = cast(pd.DataFrame, table[table["flow"].isin(list(flows)) & (table["layer"] > 0)])
    if used.empty:
        return "the sweep's window has no place on the layer axis: use a centred one"
    if len(set(used["window"])) > 1:
        raise RunError(
            f"The table has several windows ({', '.join(dict.fromkeys(used['window']))}). "
            "Keep the rows of one."
        )
    wide = used.pivot(index="sample_id", columns=["flow", "layer"], values="change_percent")
    wide = wide[np.isfinite(wide.to_numpy(np.float64)).all(axis=1)]
    if samples is not None:
        wide = wide.reindex([sample for sample in samples if sample in wide.index])
    if wide.empty:
        return "no sample has all of these flows"
    weights = sample_weights(len(wide), seed=seed)
    means = {}
    for flow in flows:
        of_flow = cast(pd.DataFrame, wide[flow]).sort_index(axis=1)
        means[flow] = weights @ of_flow.to_numpy(np.float64)
    return ResampledCurves(means=means, samples=tuple(map(str, wide.index)))


@shaped
def deepest(curve: Float[np.ndarray, "*r l"]) -> NDArray[np.float64]:
    """The lowest mean change of any layer."""
    return curve.min(axis=-1)


@shaped
def loss_layer(curve: Float[np.ndarray, "*r l"]) -> NDArray[np.float64]:
    """The mean layer, from 1, weighted by what the answer loses there; NaN without any loss."""
    loss = np.maximum(0.0, -curve)
    layers = np.arange(1, curve.shape[-1] + 1)
    with np.errstate(invalid="ignore"):
        return (loss * layers).sum(axis=-1) / loss.sum(axis=-1)


@shaped
def early_share(curve: Float[np.ndarray, "*r l"]) -> NDArray[np.float64]:
    """The share of the whole loss, in percent, in the first half of the layers; NaN without any loss."""
    loss = np.maximum(0.0, -curve)
    half = curve.shape[-1] // 2
    with np.errstate(invalid="ignore"):
        return 100 * loss[..., :half].sum(axis=-1) / loss.sum(axis=-1)


@shaped
def half_layer(rise: Float[np.ndarray, "*r l"]) -> NDArray[np.float64]:
    """The first layer, from 1, at which a curve reaches half of its last value."""
    reached = rise >= rise[..., -1:] / 2
    return (reached.argmax(axis=-1) + 1).astype(np.float64)
