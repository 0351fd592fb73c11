"""Shares of a table whose numbers are counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.analyses.study import NO_VIDEO, UNTOUCHED, case_shares
from workbench.analyses.study.measurement import CaseRow
from workbench.errors import RunError
from workbench.statistics import wilson


def row(
    sample: int, task: str, case: str, correct: bool, options: int = 4, written: str | None = None
) -> CaseRow:
    letter = "A" if correct else "B"
    says = None if written is None else float(written == "A")
    place = (str(sample), task, case, 0, 0, 0, "", options)
    return CaseRow(*place, "A", letter, 0.9, correct, written or "", written or "", says)


def table() -> pd.DataFrame:
    rows = []
    for sample in range(10):
        task, options = ("one", 4) if sample < 6 else ("two", 2)
        rows += [
            row(sample, task, UNTOUCHED, sample != 9, options, "A" if sample else "B"),
            row(sample, task, NO_VIDEO, sample < 3, options),
            row(sample, task, "cut", sample < 5 or sample == 9, options),
        ]
    return pd.DataFrame(rows)


def test_every_number_is_what_is_counted() -> None:
    shares = case_shares(table()).set_index(["group", "case"])
    assert list(dict.fromkeys(shares.index.get_level_values(0))) == ["all", "one", "two"]
    cut = shares.loc[("all", "cut")]
    assert (cut["samples"], cut["correct"], cut["accuracy_percent"]) == (10, 6, 60)
    assert cut["lost_points"] == pytest.approx(100 * (4 - 1) / 10)
    assert cut["ratio"] == pytest.approx(6 / 9)
    assert cut["ratio_low"] == pytest.approx(1 - cut["lost_high"] / 90)
    assert (cut["untouched_percent"], cut["no_video_percent"]) == (90, 30)
    assert cut["chance_percent"] == pytest.approx(100 * (6 / 4 + 4 / 2) / 10)
    assert cut["low_percent"] == pytest.approx(100 * wilson(6, 10).low)
    assert np.isnan(cut["written_percent"])
    untouched = shares.loc[("all", UNTOUCHED)]
    assert untouched["written_percent"] == 90
    assert untouched["written_differs"] == 20, "sample 0 is written B, sample 9 is written A"


def test_groups_may_be_named_and_must_have_samples() -> None:
    assert list(dict.fromkeys(case_shares(table(), {"both": ["one", "two"]})["group"])) == ["all", "both"]
    with pytest.raises(RunError, match="'none' has no sample"):
        case_shares(table(), {"none": ["three"]})
    with pytest.raises(RunError, match="no case 'untouched'"):
        case_shares(table().query("case == 'cut'"))
