"""Made-up samples: what is measured of them is known, and so is the truth that lies behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]
LAYERS = 32
NEIGHBOURS = 0.9
"""Correlation of neighbouring layers of a sample."""
SPREAD = 15.0
"""Standard deviation over samples, in percent, in every layer."""


class Values(NamedTuple):
    """Samples of one number."""

    drawn: Array
    """(runs, n)"""
    truth: float
    """Their mean."""


def normal(rng: np.random.Generator, runs: int, n: int) -> Values:
    return Values(rng.normal(-30, 15, (runs, n)), -30.0)


def sparse(rng: np.random.Generator, runs: int, n: int) -> Values:
    """Seven of ten samples lose exactly nothing."""
    lost = rng.normal(-40, 15, (runs, n))
    return Values(np.where(rng.random((runs, n)) < 0.3, lost, 0.0), -12.0)


def skewed(rng: np.random.Generator, runs: int, n: int) -> Values:
    """Log-normal with a spread of 0.5: skewness 1.75."""
    return Values(rng.lognormal(0, 0.5, (runs, n)), float(np.exp(0.125)))


def lognormal(rng: np.random.Generator, runs: int, n: int) -> Values:
    """Log-normal with a spread of 1: skewness 6.2."""
    return Values(rng.lognormal(0, 1, (runs, n)), float(np.exp(0.5)))


KINDS = {"normal": normal, "sparse": sparse, "skewed": skewed, "log-normal": lognormal}

CURVES: dict[str, Array] = {
    "no effect": np.zeros(LAYERS),
    "plateau over all layers": np.full(LAYERS, -30.0),
    "plateau of 6 layers": np.where((np.arange(LAYERS) >= 10) & (np.arange(LAYERS) < 16), -30.0, 0.0),
    "sharp peak": -30.0 * np.exp(-0.5 * ((np.arange(LAYERS) - 12) / 1.5) ** 2),
}
"""Mean change by layer, in percent."""


def peak(at: float, depth: float = -40.0, width: float = 2.0) -> Array:
    """A fall around one layer, from 1."""
    return depth * np.exp(-0.5 * ((np.arange(1, LAYERS + 1) - at) / width) ** 2)


def noise(rng: np.random.Generator, n: int, flows: int = 1, *, skew: float = 0.0) -> Array:
    """Noise of mean 0 (n, flows, layers) whose neighbouring layers correlate; log-normal with `skew`."""
    fresh = rng.normal(size=(n, flows, LAYERS))
    made = np.empty_like(fresh)
    made[..., 0] = fresh[..., 0]
    for layer in range(1, LAYERS):
        made[..., layer] = NEIGHBOURS * made[..., layer - 1] + np.sqrt(1 - NEIGHBOURS**2) * fresh[..., layer]
    if skew:
        square = skew**2
        made = (np.exp(skew * made) - np.exp(square / 2)) / np.sqrt(np.expm1(square) * np.exp(square))
    return SPREAD * made


def sweep(curves: Mapping[str, Array], changes: Array, *, task: str = "t") -> pd.DataFrame:
    """A sweep's table: mean curves (layers) by flow, and noise (n, flows, layers) around them."""
    n, _, layers = changes.shape
    index = pd.MultiIndex.from_product(
        [[f"{task}/{number}" for number in range(n)], list(curves), range(1, layers + 1)],
        names=["sample_id", "flow", "layer"],
    )
    table = index.to_frame(index=False)
    table["change_percent"] = (np.stack(list(curves.values())) + changes).ravel()
    table["first_layer"] = table["last_layer"] = table["layer"]
    return table.assign(task=task, window="centred(9)", p_base=0.5, p_knockout=0.4)
