"""The knee of a model that reads the video in one known layer."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.analyses.study.planted import READ
from workbench.analyses.study import knees_of
from workbench.errors import RunError
from workbench.planted import N_LAYERS


def test_the_knee_is_the_layer_that_reads(by_depth_table: pd.DataFrame) -> None:
    found = knees_of(by_depth_table, N_LAYERS).iloc[0]
    assert (found["layer"], found["low"], found["high"]) == (READ, READ, READ)
    assert found["layer_ratio"] == pytest.approx(READ / N_LAYERS)
    assert found["added_points"] == 100


def test_a_study_without_depths_has_no_knee(by_window_table: pd.DataFrame) -> None:
    with pytest.raises(RunError, match="several layers"):
        knees_of(by_window_table.query("case != 'video -> text'"), N_LAYERS)
