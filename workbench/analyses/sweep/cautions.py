"""What a sweep's curves rest on: sample counts, both ways to average, and warnings in words.

The mean of ratios weighs every sample the same, as Map the Flow does; the ratio of means weighs it by its
probability, so that a sample with a tiny p_base cannot blow it up. Where the two disagree, look at p_base.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from workbench.errors import RunError
from workbench.statistics.curves import FEW_SAMPLES, POINT, TINY_P_BASE, bootstrap_mean

DISAGREE = 10.0
"""Percentage points between the two averages from which on they are said to disagree."""


class Summary(NamedTuple):
    """One row of the summary: one point of one curve."""

    task: str
    flow: str
    window: str
    layer: int
    first_layer: int
    last_layer: int
    n: int
    """Samples whose change is a number."""
    n_tiny: int
    """Those of them whose p_base is below 0.05."""
    mean_of_ratios: float
    """Mean over samples of change_percent, in percent."""
    mean_low: float
    mean_high: float
    """Ends of its 95% bootstrap interval over samples."""
    ratio_of_means: float
    """Change in percent of the mean probability."""
    ratio_low: float
    ratio_high: float
    """Ends of its 95% bootstrap interval over samples."""


def summary_table(table: pd.DataFrame, *, seed: int = 0, resamples: int = 2000) -> pd.DataFrame:
    """One row a task, flow, window and layer of a sweep's table. Columns: `Summary`.

    Raises RunError where columns are missing.
    """
    _require(table)
    keys = list(dict.fromkeys(map(tuple, table[POINT].to_numpy().tolist())))
    groups = table.groupby(POINT, sort=False)
    rows = []
    for key in keys:
        part = cast(pd.DataFrame, groups.get_group(key))
        change, base, knocked = (
            part[name].to_numpy(np.float64) for name in ("change_percent", "p_base", "p_knockout")
        )
        usable = np.isfinite(change)
        mean = bootstrap_mean(change, seed=seed, resamples=resamples)
        ratio = _ratio_interval(base[usable], knocked[usable], seed, resamples)
        tiny = int((base[usable] < TINY_P_BASE).sum())
        rows.append((*key, mean.n, tiny, mean.mean, mean.low, mean.high, *ratio))
    return pd.DataFrame(rows, columns=pd.Index(list(Summary._fields)))


def curve_warnings(table: pd.DataFrame) -> list[str]:
    """Sentences for a caption or a report on what the curves of a sweep's table cannot show.

    They name tasks with few samples, tasks with a tiny p_base, and curves whose two averages disagree. Empty
    where there is nothing to warn of. Raises RunError where columns are missing.
    """
    _require(table)
    said = []
    for task in dict.fromkeys(table["task"]):
        part = cast(pd.DataFrame, table[table["task"] == task])
        usable = cast(pd.DataFrame, part[np.isfinite(part["change_percent"].to_numpy(np.float64))])
        said += [f"{task}: {text}" for text in _warnings_of(usable)]
    return said


def _warnings_of(part: pd.DataFrame) -> list[str]:
    samples = part.drop_duplicates("sample_id")
    n = len(samples)
    if n == 0:
        return ["no sample could be used, so there is no curve."]
    said = []
    if n < FEW_SAMPLES:
        said.append(
            f"only {n} sample{'s' if n > 1 else ''}: the curves show "
            f"{'these samples' if n > 1 else 'this sample'}, not the task."
        )
    p_base = samples["p_base"].to_numpy(np.float64)
    tiny = int((p_base < TINY_P_BASE).sum())
    if tiny:
        said.append(
            f"p_base is below {TINY_P_BASE:g} in {tiny} of {n} samples (lowest {p_base.min():.2g}): relative "
            "changes of these are mostly noise, so read the ratio of means."
        )
    apart = _disagreement(part)
    if apart:
        said.append(apart)
    return said


def _disagreement(part: pd.DataFrame) -> str:
    """The point at which the two averages are furthest apart, where that is far."""
    sums = part.groupby(["flow", "window", "layer", "first_layer", "last_layer"], sort=False).agg(
        change=("change_percent", "mean"), base=("p_base", "sum"), knocked=("p_knockout", "sum")
    )
    ratio = (sums["knocked"] - sums["base"]) / sums["base"] * 100
    gaps = (sums["change"] - ratio).abs()
    worst = int(np.argmax(gaps.to_numpy(np.float64)))
    gap = float(gaps.iloc[worst])
    if not gap > DISAGREE:
        return ""
    flow, window, layer, *_ = cast(tuple, sums.index[worst])
    place = f"layer {layer}" if layer else str(window)
    return (
        f"the mean of ratios ({float(sums['change'].iloc[worst]):+.0f}%) and the ratio of means "
        f"({float(ratio.iloc[worst]):+.0f}%) disagree, most for {flow} at {place}: a few samples with a "
        "small p_base decide the mean."
    )


def _ratio_interval(
    base: np.ndarray, knocked: np.ndarray, seed: int, resamples: int
) -> tuple[float, float, float]:
    """Change in percent of the mean probability, with its percentile bootstrap interval over samples."""
    n = base.size
    if n == 0 or not base.sum() > 0:
        return float("nan"), float("nan"), float("nan")
    ratio = float((knocked.sum() - base.sum()) / base.sum() * 100)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)  # (r, n)
    drawn = (times @ (knocked - base)) / (times @ base) * 100
    low, high = np.quantile(drawn[np.isfinite(drawn)], [0.025, 0.975])
    return ratio, float(low), float(high)


def _require(table: pd.DataFrame) -> None:
    needed = (*POINT, "sample_id", "change_percent", "p_base", "p_knockout")
    missing = [name for name in needed if name not in table]
    if missing:
        raise RunError(f"The table lacks {', '.join(missing)}. Pass the table of a sweep (run.table).")
