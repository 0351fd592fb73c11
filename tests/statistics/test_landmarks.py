from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.statistics.noisy import CROSS, TO_QUESTION, noisy
from workbench.errors import RunError
from workbench.statistics.landmarks import (
    SampledCurves,
    deepest,
    deepest_apart,
    early_share,
    half_layer,
    loss_layer,
    sampled_curves,
)

FLOWS = {CROSS: [0, -20, -50, 0], TO_QUESTION: [0, 0, -10, -30]}


def test_the_statistics_by_hand() -> None:
    """What counts as loss is what lies below -5%."""
    curve = np.array([[-5.0, -10, -30, 5, -4, 0], [0, -5, 0, 0, 0, 0]])
    assert loss_layer(curve)[0] == pytest.approx((2 * 5 + 3 * 25) / 30)
    assert early_share(curve)[0] == 100
    assert np.isnan(loss_layer(curve)[1])
    assert early_share(np.array([-15.0, 0, 0, -35])) == 25
    assert half_layer(np.array([[0.0, 0.1, 0.5, 0.2, 0.8], [0, 0, 0, 0, 1.0]])).tolist() == [3, 5]


def test_the_deepest_layer_by_its_definition() -> None:
    """Its ends layer by layer, with resamples of their own."""
    rng = np.random.default_rng(0)
    changes = np.array([0.0, -20, -22, 0, -5]) + rng.normal(0, 12, (14, 5))
    mean, error = changes.mean(axis=0), changes.std(axis=0, ddof=1) / np.sqrt(14)
    distances = []
    for _ in range(8000):
        drawn = changes[rng.integers(0, 14, 14)]
        variance = np.maximum(drawn.var(axis=0, ddof=1), changes.var(axis=0, ddof=1) / 10)
        distances.append((drawn.mean(axis=0) - mean) / np.sqrt(variance / 14))
    low = (mean - np.quantile(distances, 0.95, axis=0) * error).min()  # of each layer alone
    high = (mean + np.quantile(-np.array(distances).min(axis=1), 0.95) * error).min()  # of all at once
    found = deepest(changes)
    assert found.value == mean.min()
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.8)


def test_how_far_the_deepest_layers_are_apart_is_told_on_pairs() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(0, 20, (12, 1))  # of a sample: pairing takes it out
    one = np.array([0.0, -40, 0, 0]) + shared + rng.normal(0, 2, (12, 4))
    two = np.array([0.0, 0, -10, 0]) + shared + rng.normal(0, 2, (12, 4))
    found, turned = deepest_apart(one, two), deepest_apart(two, one)
    assert found.value == pytest.approx(one.mean(axis=0).min() - two.mean(axis=0).min())
    assert -37 < found.low < -30 < found.high < -24
    assert tuple(turned) == pytest.approx((-found.value, -found.high, -found.low))
    alone = deepest(one)
    assert alone.high - alone.low > 2 * (found.high - found.low), "samples differ more than their pairs"
    assert deepest_apart(one, one) == pytest.approx((0, -found_width(one), found_width(one)))


def found_width(changes: np.ndarray) -> float:
    return deepest_apart(changes, changes).high


def test_curves_are_those_of_the_samples_and_resampled_together() -> None:
    table = noisy(FLOWS, samples=9)
    found = sampled_curves(table, CROSS, TO_QUESTION, seed=4)
    assert isinstance(found, SampledCurves)
    assert found.n == 9
    for flow in FLOWS:
        of_flow = table.query("flow == @flow")
        means = [of_flow.query("layer == @layer")["change_percent"].mean() for layer in range(1, 5)]
        np.testing.assert_allclose(found.resampled(flow)[0], means)
        assert found.mean(flow).value == pytest.approx(np.mean(means))
    # What all flows of a sample share goes out of a difference, if both are resampled together.
    cross, question = (found.resampled(flow)[:, 0] for flow in (CROSS, TO_QUESTION))
    assert (cross - question).std() < cross.std()
    lowest = found.deepest(CROSS)
    assert lowest.low <= lowest.value == found.changes[CROSS].mean(axis=0).min() <= lowest.high
    layer = found.estimate(loss_layer, CROSS)
    assert layer.low < layer.value == loss_layer(found.resampled(CROSS))[0] < layer.high


def test_only_samples_with_all_flows_count() -> None:
    table = noisy(FLOWS, samples=6)
    table.loc[(table["sample_id"] == "s2") & (table["flow"] == CROSS), "change_percent"] = np.nan
    found = sampled_curves(table, CROSS, TO_QUESTION, samples=("s1", "s2", "s5", "s9"))
    assert isinstance(found, SampledCurves)
    assert found.samples == ("s1", "s5")


def test_where_there_are_no_curves_a_sentence_says_why() -> None:
    table = noisy(FLOWS)
    assert sampled_curves(table, "video -> last") == "the sweep did not cut video -> last"
    unplaced = sampled_curves(table.assign(layer=0), CROSS)
    assert unplaced == "the sweep's window has no place on the layer axis: use a centred one"
    assert sampled_curves(table, CROSS, samples=("x",)) == "no sample has all of these flows"
    with pytest.raises(RunError, match="several windows"):
        sampled_curves(pd.concat([table, table.assign(window="centred(5)")]), CROSS)


def test_layers_without_such_an_edge_are_left_out_of_depths_and_means() -> None:
    """The deepest layer of a curve that rises everywhere is its lowest rise, not a 0 that was never cut."""
    table = noisy({CROSS: [0, 20, 30, 0], TO_QUESTION: [0, 0, -10, -30]}, samples=8)
    table["change_percent"] += 90.0 * (table["flow"] == CROSS)
    table.loc[(table["flow"] == CROSS) & table["layer"].isin([1, 4]), "change_percent"] = 0.0
    gone = (table["flow"] == CROSS) & table["layer"].isin([1, 4])
    whole = sampled_curves(table, CROSS, TO_QUESTION)
    found = sampled_curves(table.assign(edges_percent=np.where(gone, 0.0, 100.0)), CROSS, TO_QUESTION)
    assert isinstance(whole, SampledCurves)
    assert isinstance(found, SampledCurves)
    assert whole.deepest(CROSS).value == 0
    assert found.deepest(CROSS).value == pytest.approx(found.changes[CROSS][:, 1].mean())
    assert found.mean(CROSS).value == pytest.approx(2 * whole.mean(CROSS).value)
    assert found.deepest(TO_QUESTION) == whole.deepest(TO_QUESTION)
    none = sampled_curves(table.assign(edges_percent=0.0), CROSS)
    assert none == f"the model has no edge of {CROSS} in any layer"
