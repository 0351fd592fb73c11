"""Effects beside their controls: both means, and their paired difference, point by point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from workbench.statistics.bootstrap import bootstrap_table, points_of
from workbench.statistics.holm import holm
from workbench.statistics.paired import paired_p_values

CONTROLLED = ["difference", "difference_low", "difference_high", "p_value"]


def controlled_table(
    table: pd.DataFrame, by: Sequence[str], values: str, control: str, *, family: Sequence[str], seed: int = 0
) -> pd.DataFrame:
    """One row for each combination of the columns `by`, from a table with a row a sample and combination.

    Columns: these, n, mean, low, high of `values`; control_mean, control_low, control_high of `control`;
    difference, difference_low, difference_high of values - control on the same samples; all with 95%
    bootstrap intervals over samples. p_value: two-sided sign flips of the difference, corrected (Holm) for
    all points that share the columns `family`; NaN with fewer than 2 samples. Samples without a control count
    in the first alone.
    """
    by = list(by)
    paired = table.assign(_difference=table[values] - table[control])
    found = bootstrap_table(table, by, values, seed=seed)
    for name, column in (("control", control), ("difference", "_difference")):
        summary = bootstrap_table(paired, by, column, seed=seed)
        mean = "difference" if name == "difference" else "control_mean"
        found[[mean, f"{name}_low", f"{name}_high"]] = summary[["mean", "low", "high"]].to_numpy()
    raw = np.full(len(found), np.nan)
    for rows, group in points_of(paired, by, "_difference"):
        raw[rows] = paired_p_values(group, seed=seed)
    places = found.groupby(list(family), sort=False).ngroup().to_numpy()
    for place in np.unique(places):
        raw[places == place] = holm(raw[places == place])
    return cast(pd.DataFrame, found.assign(p_value=raw))
