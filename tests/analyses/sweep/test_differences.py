"""Paired comparisons: planted differences are found, and none is invented."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.statistics.noisy import CROSS, TO_QUESTION, noisy
from workbench.analyses.sweep.differences import DIFFERENCE_COLUMNS, compare_flows, compare_models
from workbench.errors import RunError


def test_a_planted_difference_is_found_in_its_layers_and_nowhere_else() -> None:
    shifts = {CROSS: [0, 0, -12, -12, 0, 0], TO_QUESTION: [0] * 6}
    found: Any = compare_flows(noisy(shifts), CROSS, TO_QUESTION)
    assert list(found.columns) == DIFFERENCE_COLUMNS
    assert (found["n"] == 20).all()
    clear = found["p_corrected"] < 0.05
    assert clear.tolist() == [False, False, True, True, False, False]
    assert found.loc[clear, "difference"].to_numpy() == pytest.approx([-12, -12], abs=3)
    assert (found.loc[clear, "low"] < -8).all()
    assert (found.loc[clear, "high"] < 0).all()
    inside = (found["low"] <= 0) & (found["high"] >= 0)
    assert inside[~clear].all()
    turned: Any = compare_flows(noisy(shifts), TO_QUESTION, CROSS)
    np.testing.assert_allclose(turned["difference"], -found["difference"])
    np.testing.assert_allclose(turned["p_value"], found["p_value"])


def test_two_models_are_compared_on_the_samples_that_both_have() -> None:
    strong, weak = noisy({CROSS: [-30] * 3}, seed=1), noisy({CROSS: [0] * 3}, seed=2)
    weak = weak.query("sample_id != 's3'")
    found: Any = compare_models(strong, weak, CROSS, names=("tuned", "image"))
    assert set(found["n"]) == {19}
    assert set(found["first"]) == {"tuned"}
    assert (found["p_corrected"] < 0.05).all()
    assert (found["high"] < 0).all()
    same: Any = compare_models(strong, strong, CROSS)
    assert (same["difference"] == 0).all()
    assert (same["p_value"] == 1).all()


def test_too_few_pairs_are_said_to_be_too_few() -> None:
    found: Any = compare_flows(noisy({CROSS: [-90], TO_QUESTION: [0]}, samples=3), CROSS, TO_QUESTION)
    assert found["note"].tolist() == ["only 3 samples; 3 pairs cannot give a p-value below 0.25"]
    assert found["p_value"].tolist() == [0.25]
    one: Any = compare_flows(noisy({CROSS: [-90], TO_QUESTION: [0]}, samples=1), CROSS, TO_QUESTION)
    assert np.isnan(one["p_value"]).all()
    assert np.isnan(one["p_corrected"]).all()
    enough: Any = compare_flows(noisy({CROSS: [-90], TO_QUESTION: [0]}, samples=6), CROSS, TO_QUESTION)
    assert enough["note"].tolist() == [""]


def test_what_cannot_be_compared_is_refused() -> None:
    table = noisy({CROSS: [0], TO_QUESTION: [0]})
    for wrong, message in (
        ((CROSS, CROSS), "compared with itself"),
        ((CROSS, "video -> questions"), "Did you mean 'video -> question'"),
    ):
        with pytest.raises(RunError, match=message):
            compare_flows(table, *wrong)
    with pytest.raises(RunError, match="Did you mean 'wilcoxon'"):
        compare_flows(table, CROSS, TO_QUESTION, test="wilcoxn")
    with pytest.raises(RunError, match="lacks the column p_base"):
        compare_flows(table.drop(columns="p_base"), CROSS, TO_QUESTION)
    with pytest.raises(RunError, match="share no sample"):
        compare_models(table, table.assign(sample_id="other" + table["sample_id"]), CROSS)
