from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.statistics.noisy import CROSS, TO_QUESTION, noisy
from workbench.errors import RunError
from workbench.statistics.landmarks import (
    ResampledCurves,
    deepest,
    early_share,
    half_layer,
    loss_layer,
    resampled_curves,
)

FLOWS = {CROSS: [0, -20, -50, 0], TO_QUESTION: [0, 0, -10, -30]}


def test_the_statistics_by_hand() -> None:
    curve = np.array([[0.0, -10, -30, 5, 0, 0], [0, 0, 0, 0, 0, 0]])
    assert loss_layer(curve)[0] == pytest.approx((2 * 10 + 3 * 30) / 40)
    assert early_share(curve)[0] == 100
    assert np.isnan(loss_layer(curve)[1])
    assert early_share(np.array([-10.0, 0, 0, -30])) == 25
    assert deepest(curve).tolist() == [-30, 0]
    assert half_layer(np.array([[0.0, 0.1, 0.5, 0.2, 0.8], [0, 0, 0, 0, 1.0]])).tolist() == [3, 5]


def test_curves_are_means_of_the_samples_and_resampled_together() -> None:
    table = noisy(FLOWS, samples=9)
    found = resampled_curves(table, CROSS, TO_QUESTION, seed=4)
    assert isinstance(found, ResampledCurves)
    assert found.n == 9
    for flow in FLOWS:
        of_flow = table.query("flow == @flow")
        means = [of_flow.query("layer == @layer")["change_percent"].mean() for layer in range(1, 5)]
        np.testing.assert_allclose(found.means[flow][0], means)
    # What all flows of a sample share goes out of a difference, if both are resampled together.
    apart = found.means[CROSS][:, 0] - found.means[TO_QUESTION][:, 0]
    assert apart.std() < found.means[CROSS][:, 0].std()
    lowest = found.estimate(deepest, CROSS)
    assert lowest.low <= lowest.value == found.means[CROSS][0].min() <= lowest.high


def test_only_samples_with_all_flows_count() -> None:
    table = noisy(FLOWS, samples=6)
    table.loc[(table["sample_id"] == "s2") & (table["flow"] == CROSS), "change_percent"] = np.nan
    found = resampled_curves(table, CROSS, TO_QUESTION, samples=("s1", "s2", "s5", "s9"))
    assert isinstance(found, ResampledCurves)
    assert found.samples == ("s1", "s5")


def test_where_there_are_no_curves_a_sentence_says_why() -> None:
    table = noisy(FLOWS)
    assert resampled_curves(table, "video -> last") == "the sweep did not cut video -> last"
    unplaced = resampled_curves(table.assign(layer=0), CROSS)
    assert unplaced == "the sweep's window has no place on the layer axis: use a centred one"
    assert resampled_curves(table, CROSS, samples=("x",)) == "no sample has all of these flows"
    with pytest.raises(RunError, match="several windows"):
        resampled_curves(pd.concat([table, table.assign(window="centred(5)")]), CROSS)
