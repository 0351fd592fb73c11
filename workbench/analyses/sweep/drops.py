"""Accuracy drop: how many right answers turn wrong when a flow is cut (Map the Flow, Table 2 and B)."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd

from workbench.errors import RunError
from workbench.statistics.columns import SWEEP, require_columns
from workbench.statistics.proportions import wilson

DROP_COLUMNS = [
    "task",
    "flow",
    "window",
    "layer",
    "first_layer",
    "last_layer",
    "correct",
    "flips",
    "drop_percent",
    "low_percent",
    "high_percent",
]
"""Columns of `accuracy_drop`."""


def accuracy_drop(table: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """One row a task, flow, window and layer of a sweep's table.

    `correct` counts the samples that the untouched model answers correctly and `flips` those among them whose
    answer is wrong after the cut; drop_percent = 100 * flips / correct, between low_percent and high_percent
    (Wilson interval). Samples that were wrong to begin with do not enter. Raises RunError for a table without
    these columns, or without a right answer.
    """
    place = DROP_COLUMNS[:6]
    require_columns(table, *place, "correct_base", "correct_knockout", remedy=SWEEP)
    right = table[table["correct_base"].to_numpy(bool)]
    if not len(right):
        raise RunError("No sample was answered correctly, so no answer can be lost. Use other samples.")
    rows = []
    for key, part in right.groupby(place, sort=False):
        flips = int((~np.asarray(part["correct_knockout"], bool)).sum())
        share = wilson(flips, len(part), confidence=confidence)
        percents = [100 * value for value in (share.mean, share.low, share.high)]
        rows.append((*cast(tuple[Any, ...], key), len(part), flips, *percents))
    return pd.DataFrame(rows, columns=pd.Index(DROP_COLUMNS))
