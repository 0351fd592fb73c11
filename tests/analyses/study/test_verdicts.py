"""Verdicts on a model whose answer is known to travel along one path."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.analyses.study import planted
from workbench.analyses.study import STUDY_FLOWS, everywhere, savings, study, study_findings
from workbench.analyses.study.claims import CLAIMS
from workbench.planted import N_FRAMES, N_LAYERS


@pytest.fixture(scope="module")
def found(studied_model, by_depth_table, by_window_table, tmp_path_factory) -> pd.DataFrame:
    samples, told = planted.samples(tmp_path_factory.mktemp("kinds")), {"frames": N_FRAMES, "progress": False}
    kinds = study(studied_model, samples, everywhere(STUDY_FLOWS, N_LAYERS), **told).table
    saved = study(studied_model, samples, savings(4, 1, N_LAYERS), **told).table
    table = study_findings(by_depth_table, kinds, by_window_table, saved, N_LAYERS)
    return table.assign(key=list(CLAIMS)).set_index("key")


def test_verdicts_are_those_of_the_planted_path(found: pd.DataFrame) -> None:
    """The knee is at 4 of 6 layers, certainly, and one of six windows stands out. Cutting the flow between
    frames loses everything too, so video -> text does not cost more. Twelve samples of which none is lost
    leave room for more than 2 points."""
    assert found["verdict"].to_dict() == {
        "two_stages": "holds",
        "extraction": "does not hold",
        "dominates": "undecided",
        "critical": "holds",
        "knowledge": "does not hold",
        "savings": "undecided",
    }


def test_numbers_are_those_of_the_planted_path(found: pd.DataFrame) -> None:
    assert found.loc["two_stages", "value"] == pytest.approx(4 / 6)
    assert found.loc["critical", "value"] == pytest.approx(1 / 6)
    assert "video -> text in layers 4-4" in found.loc["critical", "measured"]
    assert found.loc["knowledge", "value"] == 0
    assert found.loc["savings", "value"] == 0
    assert set(found["n"]) == {12}


def test_what_was_not_cut_is_not_measured(studied_model, by_depth_table, by_window_table) -> None:
    some = by_window_table.query("case in ['untouched', 'no video', 'within frames']")
    table = study_findings(by_depth_table, by_depth_table, some, by_depth_table, N_LAYERS)
    assert list(table["verdict"])[2:] == ["not measured", "not measured", "does not hold", "not measured"]
