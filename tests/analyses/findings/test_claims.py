from __future__ import annotations

import math

from workbench.analyses.findings.claims import CLAIMS, FINDING_COLUMNS, finding, findings_table, not_measured
from workbench.statistics.bootstrap import Estimate

CLAIM = CLAIMS["order"]


def test_few_samples_or_no_number_decide_nothing() -> None:
    clear = Estimate(-3.0, -4.0, -2.0)
    assert finding(CLAIM, clear, 5, "holds", "words").verdict == "holds"
    few = finding(CLAIM, clear, 4, "holds", "words", "another note")
    assert (few.verdict, few.note) == ("undecided", "only 4 samples; another note")
    nothing = finding(CLAIM, Estimate(math.nan, math.nan, math.nan), 9, "does not hold", "")
    assert (nothing.verdict, nothing.note) == ("undecided", "nothing to measure")


def test_the_table_has_a_row_a_finding() -> None:
    table = findings_table([not_measured(CLAIM, "why"), finding(CLAIM, Estimate(1, 0, 2), 9, "holds", "w")])
    assert list(table.columns) == FINDING_COLUMNS
    assert table["verdict"].tolist() == ["not measured", "holds"]
    assert table["note"].tolist() == ["why", ""]
    assert table["value"].isna().tolist() == [True, False]
