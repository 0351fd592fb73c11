from __future__ import annotations

from workbench.analyses.findings.rules import above, below, both
from workbench.statistics.bootstrap import Estimate


def test_a_verdict_needs_the_whole_interval() -> None:
    assert below(Estimate(-7, -9, -6), -5) == above(Estimate(7, 6, 9), 5) == "holds"
    assert below(Estimate(-5, -9, -4), -5) == "undecided"
    assert below(Estimate(-1, -2, 0), -5) == "does not hold"


def test_several_conditions_hold_together_or_not_at_all() -> None:
    assert both("holds", "holds") == "holds"
    assert both("holds", "undecided") == "undecided"
    assert both("undecided", "does not hold") == "does not hold"
