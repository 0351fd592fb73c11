"""Paired comparisons: planted differences are found, and none is invented."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.statistics.noisy import CROSS, TO_QUESTION, noisy
from workbench.analyses.sweep.differences import DIFFERENCE_COLUMNS, compare_flows, compare_models
from workbench.errors import RunError
from workbench.runs import Run


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
    assert found["note"].tolist() == [
        "only 3 samples; 3 pairs cannot give a p-value below 0.25: use 6 or more"
    ]
    assert found["p_value"].tolist() == [0.25]
    one: Any = compare_flows(noisy({CROSS: [-90], TO_QUESTION: [0]}, samples=1), CROSS, TO_QUESTION)
    assert np.isnan(one["p_value"]).all()
    assert np.isnan(one["p_corrected"]).all()
    enough: Any = compare_flows(noisy({CROSS: [-90], TO_QUESTION: [0]}, samples=6), CROSS, TO_QUESTION)
    assert "pairs" not in enough["note"][0]
    plenty: Any = compare_flows(noisy({CROSS: [-90], TO_QUESTION: [0]}, samples=20), CROSS, TO_QUESTION)
    assert plenty["note"].tolist() == [""]


def test_where_the_correction_leaves_no_chance_of_a_finding_it_is_said_and_what_it_takes() -> None:
    """Ten pairs reach 2 / 2**10 at best, and 32 times that is above 0.05."""
    loses_all = {CROSS: [-90] * 32, TO_QUESTION: [0] * 32}
    found: Any = compare_flows(noisy(loses_all, samples=10), CROSS, TO_QUESTION)
    assert found["p_corrected"].min() == 32 * 2 / 2**10
    assert (
        found["note"].str.contains("10 pairs cannot give a p-value below 0.062 over 32 layers: use 11").all()
    )
    enough: Any = compare_flows(noisy(loses_all, samples=11), CROSS, TO_QUESTION)
    assert enough["p_corrected"].max() == 32 * 2 / 2**11
    assert not enough["note"].str.contains("pairs").any()


def rounded(noise: float, samples: int = 20) -> pd.DataFrame:
    """Two flows, apart by so little in layer 1, the same way in every sample, and by 12 in layer 2."""
    table: Any = noisy({CROSS: [0, -12], TO_QUESTION: [0, 0]}, samples=samples, noise=0.0)
    here = (table["flow"] == CROSS) & (table["layer"] == 1)
    size = np.random.default_rng(0).uniform(0.5, 1, int(here.sum()))
    table.loc[here, "change_percent"] += noise * size
    return table


def test_a_difference_within_rounding_is_not_tested() -> None:
    found: Any = compare_flows(rounded(0.001), CROSS, TO_QUESTION)
    assert found["difference"].tolist() == pytest.approx([0.00075, -12], rel=0.1)
    assert np.isnan(found.loc[0, ["p_value", "p_corrected"]].to_numpy(float)).all()
    assert found.loc[0, "note"] == "within rounding (0.01 points): not tested"
    # Nor does it count where p-values are corrected for how many are tested.
    assert found.loc[1, "p_corrected"] == found.loc[1, "p_value"] < 0.05
    larger: Any = compare_flows(rounded(0.1), CROSS, TO_QUESTION)
    assert larger["p_corrected"].to_numpy() == pytest.approx(2 * larger["p_value"].to_numpy())
    assert (larger["p_corrected"] < 0.05).all()
    told: Any = compare_flows(rounded(0.1), CROSS, TO_QUESTION, noise=0.2)
    assert told["note"].tolist() == ["within rounding (0.2 points): not tested", ""]
    with pytest.raises(RunError, match="noise=-1"):
        compare_flows(rounded(0.1), CROSS, TO_QUESTION, noise=-1)


def test_a_run_says_itself_what_rounding_does_to_it() -> None:
    measured = pd.DataFrame({"noise_percent": [0.02, 0.4, None]})
    empty: Any = pd.DataFrame()
    run = Run(table=rounded(0.1), samples=measured, skipped=empty, manifest={})
    quiet = Run(table=rounded(0.1), samples=measured.assign(noise_percent=np.nan), skipped=empty, manifest={})
    assert (run.noise_percent, quiet.noise_percent) == (0.4, 0.01)
    assert compare_flows(run, CROSS, TO_QUESTION)["p_value"].isna().tolist() == [True, False]
    tested: Any = compare_flows(quiet, CROSS, TO_QUESTION)
    assert tested["p_value"].notna().all()
    other = rounded(0.1).assign(change_percent=lambda table: table["change_percent"] + 0.3)
    both: Any = compare_models(run, other, CROSS)
    assert both["p_value"].isna().all(), "the noisier of the two counts"


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


def test_layers_in_which_one_flow_has_no_edge_are_not_compared() -> None:
    table = noisy({CROSS: [0, 0], TO_QUESTION: [0, -20]})
    gone = (table["flow"] == CROSS) & (table["layer"] == 1)
    found = compare_flows(table.assign(edges_percent=100.0 - 100.0 * gone), CROSS, TO_QUESTION)
    assert found["layer"].tolist() == [2]
    assert compare_flows(table, CROSS, TO_QUESTION)["layer"].tolist() == [1, 2]
