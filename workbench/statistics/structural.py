"""Structural zeros: edges that a model never had (sliding windows, chunks), where a cut can change nothing.

A sweep's table says in `edges_percent` how many of a flow's edges the model has in the layers that are cut.
Where it has none, a change of 0 is no finding: nothing was cut. It is told apart from an edge that exists and
carries nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.shapes import Bool, shaped

NO_EDGE = "no such edge in the model here (sliding window, chunk): nothing was cut"


@shaped
def structural_zeros(table: pd.DataFrame) -> Bool[np.ndarray, " r"]:
    """Which rows of a sweep's table are structural zeros; none where it has no `edges_percent`."""
    if "edges_percent" not in table:
        return np.zeros(len(table), dtype=bool)
    return table["edges_percent"].to_numpy(np.float64) == 0


def without_structural_zeros(table: pd.DataFrame) -> pd.DataFrame:
    """The table with NaN for the change of structural zeros."""
    nothing = structural_zeros(table)
    if not nothing.any():
        return table
    return table.assign(change_percent=np.where(nothing, np.nan, table["change_percent"]))
