"""What numbers rest on: warnings in words where samples are few or their probabilities tiny.

Where the two averages of a change disagree (`workbench.statistics.ratios`), look at p_base.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from workbench.statistics.columns import SWEEP, require_columns
from workbench.statistics.ratios import ratio_of_means
from workbench.statistics.structural import structural_zeros

FEW_SAMPLES = 5
"""Below this many samples an interval says little, and nothing is decided."""
SMALL_SAMPLE = 20
"""Below this many samples an interval of skewed values, or of values that are mostly 0, holds the truth less
often than it says (docs/statistics.md)."""
TINY_P_BASE = 0.05
"""Below this probability a relative change is mostly noise: dividing by it makes any change look large."""
DISAGREE = 10.0
"""Percentage points between the two averages from which on they are said to disagree."""
ROUNDING = 0.01
"""Percent. What rounding in float32 may do to a change: engines that compute the same differ by up to 0.001
on the embedded model. Runs in a lower precision measure their own (`run.noise_percent`)."""
_CURVE = ["flow", "window", "layer", "first_layer", "last_layer"]


def reliability(n: int, smallest_p_base: float) -> str:
    """A short warning about a mean over `n` samples; empty where there is nothing to warn of."""
    notes = []
    if n < FEW_SAMPLES:
        notes.append("no usable sample" if n == 0 else f"only {n} sample{'s' if n > 1 else ''}")
    elif n < SMALL_SAMPLE:
        notes.append(f"under {SMALL_SAMPLE} samples: if they are skewed, the interval is too narrow")
    if smallest_p_base < TINY_P_BASE:
        notes.append(f"p_base down to {smallest_p_base:.2g}: trust the ratio of means more")
    return "; ".join(notes)


def curve_warnings(table: pd.DataFrame) -> list[str]:
    """Sentences for a caption or a report on what the curves of a sweep's table cannot show.

    They name tasks with few samples, tasks with a tiny p_base, and curves whose two averages disagree. Empty
    where there is nothing to warn of. Raises RunError where columns are missing.
    """
    require_columns(
        table, "sample_id", "task", *_CURVE, "change_percent", "p_base", "p_knockout", remedy=SWEEP
    )
    said = []
    for task in table["task"].unique():
        part = cast(pd.DataFrame, table[table["task"] == task])
        usable = cast(pd.DataFrame, part[np.isfinite(part["change_percent"].to_numpy(np.float64))])
        said += [f"{task}: {text}" for text in _warnings_of(usable)]
    return [*said, *_structural_zeros(table)]


def _structural_zeros(table: pd.DataFrame) -> list[str]:
    """Flows that have no edge at all in some layers of the model."""
    none = table[structural_zeros(table)]
    said = []
    for flow, part in none.groupby("flow", sort=False):
        places = sorted(set(zip(part["first_layer"], part["last_layer"], strict=True)))
        named = ", ".join(f"{first}" if first == last else f"{first}..{last}" for first, last in places)
        said.append(
            f"{flow}: the model's own masks have no such edge in layers {named} (sliding window, chunk), so "
            "that nothing was cut there: the curve has a gap, which is no finding."
        )
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
    elif n < SMALL_SAMPLE:
        said.append(f"{n} samples: where their changes are skewed, the intervals are too narrow.")
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
    sums = part.groupby(_CURVE, sort=False).agg(
        change=("change_percent", "mean"), base=("p_base", "sum"), knocked=("p_knockout", "sum")
    )
    change = sums["change"].to_numpy(np.float64)
    ratio = ratio_of_means(sums["base"], sums["knocked"])
    gaps = np.abs(change - ratio)
    worst = int(np.argmax(gaps))
    if not gaps[worst] > DISAGREE:
        return ""
    flow, window, layer, *_ = cast(tuple, sums.index[worst])
    place = f"layer {layer}" if layer else str(window)
    return (
        f"the mean of ratios ({change[worst]:+.0f}%) and the ratio of means "
        f"({ratio[worst]:+.0f}%) disagree, most for {flow} at {place}: a few samples with a "
        "small p_base decide the mean."
    )
