"""Critical layers of a model whose layers are known."""

from __future__ import annotations

import pandas as pd

from tests.analyses.study.planted import FLOW, READ
from workbench.analyses.study import critical_layers, window_tests
from workbench.analyses.study.critical import CriticalLayers


def test_the_planted_layers_stand_out_and_no_others(by_window_table: pd.DataFrame) -> None:
    tests = window_tests(by_window_table)
    assert critical_layers(tests) == [
        CriticalLayers("all", "video -> text", READ, READ, -100.0),
        CriticalLayers("all", "frames -> later frames", FLOW, FLOW, -100.0),
    ]
    assert len(tests) == 3 * 6
    worst = tests[tests["critical"]]
    # Twelve samples, all lost: 2 of 4096 sign patterns, and Holm's factor of the two smallest.
    assert sorted(worst["p_corrected"].round(6)) == [round(18 * 2 / 4096, 6)] * 2


def test_neighbouring_windows_point_at_the_layers_that_they_share() -> None:
    def row(last: int, critical: bool) -> dict:
        return {
            "group": "all", "case": "f", "layer": last, "first_layer": last - 2, "last_layer": last,
            "critical": critical, "change_points": -10.0 * critical,
        }  # fmt: skip

    def named(*critical: int) -> list[tuple[int, int]]:
        tests = pd.DataFrame([row(last, last in critical) for last in range(3, 13)])
        return [found[2:4] for found in critical_layers(tests)]

    assert named(5, 6, 7) == [(5, 5)]
    assert named(5) == [(3, 5)]
    assert named(5, 6, 7, 8) == [(5, 6)], "layers 5 and 6 are hit by all windows but one each"
    assert named(4, 9, 10) == [(2, 4), (8, 9)]
    assert named() == []
