"""How often each interval holds the truth, and how wide it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.simulations.worlds import CURVES, KINDS, Array, noise, peak
from workbench.statistics.bootstrap import (
    bootstrap_mean,
    bootstrap_means,
    percentile_interval,
    sample_weights,
)
from workbench.statistics.landmarks import deepest, deepest_apart, early_share, half_layer, loss_layer
from workbench.statistics.proportions import difference_of_shares, wilson

SIZES = (5, 10, 20, 50)


def means(runs: int, seed: int = 0) -> pd.DataFrame:
    """Intervals of a mean, and in how many percent of runs they hold it."""
    rng = np.random.default_rng(seed)
    rows = []
    for kind, draw in KINDS.items():
        for n in SIZES:
            drawn, truth = draw(rng, runs, n)
            found: dict[str, Any] = {"samples": kind, "n": n}
            for name, method in _METHODS.items():
                low, high = method(drawn)
                found[name] = 100 * np.mean((low <= truth) & (truth <= high))
            rows.append(found)
    return pd.DataFrame(rows)


def _scipys(method: str) -> Callable[[Array], tuple[Array, Array]]:
    def interval(drawn: Array) -> tuple[Array, Array]:
        ends = []
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", stats.DegenerateDataWarning)
            for part in np.array_split(drawn, max(1, len(drawn) // 50)):
                made = stats.bootstrap((part,), np.mean, axis=-1, method=method, n_resamples=1000, rng=0)
                ends.append(made.confidence_interval)
        # Where nothing varies BCa has no value: its interval is the mean.
        low, high = (np.concatenate([getattr(end, name) for end in ends]) for name in ("low", "high"))
        return np.where(np.isnan(low), drawn.mean(1), low), np.where(np.isnan(high), drawn.mean(1), high)

    return interval


def _student(drawn: Array) -> tuple[Array, Array]:
    n = drawn.shape[1]
    reach = stats.t.ppf(0.975, n - 1) * drawn.std(axis=1, ddof=1) / np.sqrt(n)
    return drawn.mean(axis=1) - reach, drawn.mean(axis=1) + reach


def _ours(drawn: Array) -> tuple[Array, Array]:
    return bootstrap_means(drawn)[1:]


_METHODS = {
    "percentile": _scipys("percentile"),
    "BCa": _scipys("BCa"),
    "Student's t": _student,
    "this project": _ours,
}


def deepest_layers(runs: int, seed: int = 0) -> pd.DataFrame:
    """The deepest layer of a curve: its interval beside the bootstrap of a minimum."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, curve in CURVES.items():
        for n in SIZES:
            weights = sample_weights(n, resamples=1000)
            old, ours, width = 0, 0, 0.0
            for _ in range(runs):
                changes = curve + noise(rng, n)[:, 0]
                low, high = np.quantile((weights[1:] @ changes).min(axis=1), [0.025, 0.975])
                found = deepest(changes)
                old += low <= curve.min() <= high
                ours += found.low <= curve.min() <= found.high
                width += found.high - found.low
            told = {"bootstrap of the minimum": 100 * old / runs, "this project": 100 * ours / runs}
            rows.append({"curve": name, "n": n, **told, "width (points)": width / runs})
    return pd.DataFrame(rows)


def others(runs: int, seed: int = 0) -> pd.DataFrame:
    """All other intervals: how often they hold the truth, by number of samples."""
    rows: dict[str, dict[str, Any]] = {}
    for n in SIZES:
        rng = np.random.default_rng([seed, n])
        for name, held in _others(rng, n, runs):
            rows.setdefault(name, {"interval of": name})[f"n = {n}"] = 100 * held
    return pd.DataFrame(list(rows.values()))


def _others(rng: np.random.Generator, n: int, runs: int) -> Iterator[tuple[str, float]]:
    for share in (0.5, 0.8, 0.95):
        right = rng.binomial(n, share, 100 * runs)
        ends = [wilson(k, n) for k in range(n + 1)]
        held = np.mean([ends[k].low <= share <= ends[k].high for k in right])
        yield f"a share of {share:.0%} (Wilson)", float(held)
    for lost, won in ((0.1, 0.0), (0.3, 0.05)):
        counted = rng.multinomial(n, [lost, won, 1 - lost - won], 100 * runs)
        cases, times = np.unique(counted, axis=0, return_counts=True)
        ends = [difference_of_shares(np.repeat([1, -1, 0], case)) for case in cases]
        held = times @ [end.low <= lost - won <= end.high for end in ends] / times.sum()
        yield f"points lost, {100 * lost:.0f}% lost and {100 * won:.0f}% won (Zou-Donner)", held
    # Three random controls of each sample: it is right in none to all of them.
    right = rng.binomial(3, rng.beta(4, 2, (runs, n))) / 3
    ends = [bootstrap_mean(one, within=(0, 1)) for one in right]
    held = np.mean([end.low <= 2 / 3 <= end.high for end in ends])
    yield "accuracy over three random controls", float(held)
    yield from _landmarks(rng, n, runs)


def _landmarks(rng: np.random.Generator, n: int, runs: int) -> Iterator[tuple[str, float]]:
    first, second = peak(8), peak(20)
    truth = {
        "mean layer of the loss": loss_layer(first),
        "mean layer of the loss, of two flows": loss_layer(first) - loss_layer(second),
        "share of the loss in the first half": early_share(peak(14)),
        "layer of half of the lead": 14.0,
        "difference of two deepest layers": 0.0,
    }
    held = dict.fromkeys(truth, 0)
    weights = sample_weights(n)
    lead = 0.8 / (1 + np.exp(-(np.arange(1, len(first) + 1) - 13.6)))
    lead_truth = float(half_layer(lead))
    truth["layer of half of the lead"] = lead_truth
    for _ in range(runs):
        changes = noise(rng, n, 3)
        one, two, three = changes[:, 0] + first, changes[:, 1] + second, changes[:, 2] + peak(14)
        rising = lead * rng.normal(1, 0.3, (n, 1)) + rng.normal(0, 0.1, (n, len(lead)))
        found = {
            "mean layer of the loss": percentile_interval(loss_layer(weights @ one), n),
            "mean layer of the loss, of two flows": percentile_interval(
                loss_layer(weights @ one) - loss_layer(weights @ two), n
            ),
            "share of the loss in the first half": percentile_interval(early_share(weights @ three), n),
            "layer of half of the lead": percentile_interval(half_layer(weights @ rising), n),
            "difference of two deepest layers": deepest_apart(one, two),
        }
        for name, estimate in found.items():
            held[name] += estimate.low - 1e-9 <= truth[name] <= estimate.high + 1e-9
    yield from ((name, count / runs) for name, count in held.items())
