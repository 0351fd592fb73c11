"""The cases of the paper, at its depth and scaled."""

from __future__ import annotations

from workbench.analyses.pathways.closing import closed_by
from workbench.analyses.study import (
    STUDY_FLOWS,
    by_depth,
    depths,
    everywhere,
    in_window,
    pathways_alone,
    savings,
    study_window,
)
from workbench.analyses.study.cases import accelerations
from workbench.interventions import trailing
from workbench.interventions.exits import Acceleration, Exit


def test_the_papers_depths_are_0_the_odd_layers_and_the_last() -> None:
    assert depths(28) == (0, *range(1, 28, 2), 28)
    assert depths(12) == tuple(range(13))


def test_global_1_cuts_all_layers_after_i() -> None:
    found = by_depth("video -> text", depths(28), 28)
    assert [case.layer for case in found] == list(depths(28))
    assert str(found[1].intervention) == "video -> text in layers 2..28"
    assert str(found[-1].intervention) == "video -> text in no layer"


def test_global_2_cuts_each_flow_in_all_layers() -> None:
    assert [str(case.intervention) for case in everywhere(STUDY_FLOWS, 28)] == [
        f"{flow} in layers 1..28" for flow in ("video -> text", "frames -> later frames", "within frames")
    ]


def test_windows_of_4_layers_are_25_in_28() -> None:
    assert study_window(28) == trailing(4)
    assert study_window(12) == trailing(2)
    found = in_window("within frames", study_window(28), 28)
    assert [(case.layer, case.first_layer, case.last_layer) for case in found] == [
        (last, last - 3, last) for last in range(4, 29)
    ]


def test_table_1_has_the_exit_the_window_both_and_two_pruners() -> None:
    found = {case.name: str(case.intervention) for case in savings(18, 8, 28)}
    assert found == {
        "exit": "video leaves after layer 18",
        "frames apart": "frames -> later frames in layers 1..8",
        "exit + frames apart": "frames -> later frames in layers 1..8; video leaves after layer 18",
        "fastv(0.5)": "fastv(0.5) leaves after layer 2",
        "random(0.5, seed 0)": "random(0.5, seed 0) leaves after layer 2",
    }
    assert "frames apart" not in {case.name for case in savings(18, 0, 28)}


def test_a_search_leaves_out_what_saves_nothing_and_windows_beyond_the_exit() -> None:
    names = [case.name for case in accelerations((2, 4), (0, 3), 4)]
    assert names == ["exit 2, apart 0", "exit 4, apart 3"]


def test_pathways_alone_close_all_else_and_let_the_video_leave_behind_the_last_reader() -> None:
    ranges = {"frames -> later frames": (2, 3), "video -> question": (3, 5), "question -> last": (5, 6)}
    case = pathways_alone(ranges, 8)
    assert isinstance(case.intervention, Acceleration)
    assert case.intervention.exits == (Exit(after=5),)
    assert case.intervention.cuts == closed_by(ranges, 8, "strict")
    late = pathways_alone({**ranges, "frames -> later frames": (2, 8)}, 8)
    assert isinstance(late.intervention, Acceleration)
    assert late.intervention.exits == (), "frames are read to the end"
