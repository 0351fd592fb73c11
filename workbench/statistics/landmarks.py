"""Landmarks of mean curves, with intervals that allow for having looked for them.

The deepest point of a curve is the lowest of many noisy means: it lies below the truth, and so would the same
point of every resample. Its interval is read off a band instead: from the lowest of the lower ends of all
layers, each for its own, to the lowest of the upper ends, which hold for all layers at once (intersection
bounds; Chernozhukov, Lee and Rosen, 2013). Each end misses the truth in at most 5% of runs, the lower one
where one layer is by far the deepest, the upper one where all are equally deep: so in sum hardly more than
5%.

Other landmarks, as the mean layer of the loss, are read off resampled curves. Loss is what a curve falls
below -5%, Map the Flow's threshold: the mean of few samples lies a little above or below 0 in every layer,
and half of that would count as loss.

Axes: n samples, l layers, r resamples. Curves are in percent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import RunError
from workbench.shapes import Bool, Float, shaped
from workbench.statistics.bootstrap import (
    CONFIDENCE,
    Estimate,
    bootstrap_mean,
    percentile_interval,
    resampled_means,
    sample_weights,
)
from workbench.statistics.curves import CHANGES
from workbench.statistics.familywise import LEAST
from workbench.statistics.structural import structural_zeros


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampledCurves:
    """The curves of some flows on the same samples."""

    changes: Mapping[str, Float[np.ndarray, "n l"]]
    """Change in percent by flow."""
    samples: tuple[str, ...]
    seed: int = 0
    exists: Mapping[str, Bool[np.ndarray, " l"]] = field(default_factory=dict)
    """Layers in which the model has edges of the flow, in some sample; a flow that is not here has them in
    all. In others a change of 0 is no finding (`workbench.statistics.structural`)."""

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.samples)

    def resampled(self, flow: str) -> Float[np.ndarray, "1+r l"]:
        """Mean curves of a flow. Row 0 is that of the samples themselves; all flows share their resamples."""
        return sample_weights(self.n, seed=self.seed) @ self.changes[flow]

    def estimate(self, statistic: Callable[..., NDArray[np.float64]], *flows: str) -> Estimate:
        """A smooth statistic of mean curves (.., l) -> (..), with its 95% interval."""
        return percentile_interval(statistic(*map(self.resampled, flows)), self.n)

    def cut(self, flow: str) -> Float[np.ndarray, "n m"]:
        """Change in percent in the layers in which there is something to cut."""
        changes = self.changes[flow]
        return changes[:, self.exists[flow]] if flow in self.exists else changes

    def deepest(self, flow: str) -> Estimate:
        """The lowest mean change of any layer in which there is something to cut."""
        return deepest(self.cut(flow), seed=self.seed)

    def mean(self, flow: str) -> Estimate:
        """The mean change over all layers in which there is something to cut."""
        found = bootstrap_mean(self.cut(flow).mean(axis=1), seed=self.seed, within=CHANGES)
        return Estimate(found.mean, found.low, found.high)


def sampled_curves(
    table: pd.DataFrame, *flows: str, samples: tuple[str, ...] | None = None, seed: int = 0
) -> SampledCurves | str:
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
    changes = {flow: cast(pd.DataFrame, wide[flow]).sort_index(axis=1).to_numpy(np.float64) for flow in flows}
    found = tuple(map(str, wide.index))
    exists = _existing(cast(pd.DataFrame, used[used["sample_id"].astype(str).isin(found)]))
    if gone := [flow for flow, layers in exists.items() if not layers.any()]:
        return f"the model has no edge of {', '.join(gone)} in any layer"
    return SampledCurves(changes=changes, samples=found, seed=seed, exists=exists)


def _existing(table: pd.DataFrame) -> dict[str, Bool[np.ndarray, " l"]]:
    """By flow, the layers in which some sample has an edge to cut; empty where none is missing."""
    zeros = structural_zeros(table)
    if not zeros.any():
        return {}
    there = table.assign(there=~zeros).groupby(["flow", "layer"])["there"].any()
    return {str(flow): part.sort_index().to_numpy(bool) for flow, part in there.groupby("flow")}


@shaped
def deepest(changes: Float[np.ndarray, "n l"], *, seed: int = 0) -> Estimate:
    """The lowest mean change of any layer, with its 95% interval."""
    nothing = np.zeros((len(changes), 1))
    value, low, high = deepest_apart(changes, nothing, seed=seed)
    return Estimate(value, max(low, CHANGES[0]), high)


@shaped
def deepest_apart(
    first: Float[np.ndarray, "n l"], second: Float[np.ndarray, "n m"], *, seed: int = 0
) -> Estimate:
    """The lowest mean change of any layer of `first` minus that of `second`, on the same samples.

    Its interval holds in more than 95% of runs: either curve may have its deepest layer anywhere.
    """
    value = float(first.mean(axis=0).min() - second.mean(axis=0).min())
    if len(first) < 2:
        return Estimate(value, value, value)
    high = _highest_apart(first, second, seed)
    return Estimate(value, min(-_highest_apart(second, first, seed), value), max(high, value))


def _highest_apart(first: NDArray[np.float64], second: NDArray[np.float64], seed: int) -> float:
    """The upper end. Whichever layer of `second` is its deepest, no layer of `first` minus it lies below the
    difference that is sought: so the end holds if those of one layer of `second` hold for all of `first`."""
    pairs = first[:, :, None] - second[:, None, :]  # (n, l, m)
    shape = pairs.shape[1:]
    found = resampled_means(pairs.reshape(len(first), -1).T, seed=seed)
    falls = -found.studentized.reshape(-1, *shape)
    reach = np.quantile(falls.max(axis=1), CONFIDENCE, axis=0)  # (m)
    ends = found.mean.reshape(shape) + np.maximum(reach, 0.0) * found.error.reshape(shape)
    return float(ends.max(axis=1).min())


def loss(curve: Float[np.ndarray, "*r l"]) -> NDArray[np.float64]:
    """What a curve falls below -5%, by layer."""
    return np.maximum(0.0, LEAST - curve)


@shaped
def loss_layer(curve: Float[np.ndarray, "*r l"]) -> NDArray[np.float64]:
    """The mean layer, from 1, weighted by the loss there; NaN without any."""
    lost = loss(curve)
    layers = np.arange(1, curve.shape[-1] + 1)
    with np.errstate(invalid="ignore"):
        return (lost * layers).sum(axis=-1) / lost.sum(axis=-1)


@shaped
def early_share(curve: Float[np.ndarray, "*r l"]) -> NDArray[np.float64]:
    """The share of the whole loss, in percent, in the first half of the layers; NaN without any."""
    lost = loss(curve)
    half = curve.shape[-1] // 2
    with np.errstate(invalid="ignore"):
        return 100 * lost[..., :half].sum(axis=-1) / lost.sum(axis=-1)


@shaped
def half_layer(rise: Float[np.ndarray, "*r l"]) -> NDArray[np.float64]:
    """The first layer, from 1, at which a curve reaches half of its last value."""
    reached = rise >= rise[..., -1:] / 2
    return (reached.argmax(axis=-1) + 1).astype(np.float64)
