"""Edges that a model never had: their rows are found, and their changes of 0 are no values."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.statistics.structural import structural_zeros, without_structural_zeros

TABLE = pd.DataFrame({"change_percent": [0.0, 0.0, -20.0], "edges_percent": [0.0, 40.0, 100.0]})


def test_only_rows_without_any_edge_are_structural_zeros() -> None:
    assert structural_zeros(TABLE).tolist() == [True, False, False]
    assert structural_zeros(TABLE.drop(columns="edges_percent")).tolist() == [False] * 3


def test_their_changes_are_no_values_and_the_table_is_left_as_it_was() -> None:
    found = without_structural_zeros(TABLE)["change_percent"].tolist()
    assert np.isnan(found[0])
    assert found[1:] == [0.0, -20.0]
    assert TABLE["change_percent"].tolist() == [0.0, 0.0, -20.0]
    plain = TABLE.drop(columns="edges_percent")
    assert without_structural_zeros(plain) is plain
