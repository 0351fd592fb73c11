"""What leaves a prompt, as data and as text."""

from __future__ import annotations

import numpy as np
import pytest

from tests.interventions.layouts import separated_layout, small_layout
from workbench.errors import InterventionError, KnockoutError, SpanError
from workbench.interventions import Cut, Knockout, RandomEdges, as_intervention
from workbench.interventions.exits import Acceleration, Exit
from workbench.interventions.pruning import FastV, RandomRows


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("video leaves after layer 18", Exit(after=18)),
        ("  Frame[0] + option[a]  leave after layer 0 ", Exit(after=0, rows="frame[0] + option[A]")),
        ("fastv(0.5) leaves after layer 2", Exit(after=2, rows=FastV(share=0.5))),
        ("random(0.25, seed 7) leaves after layer 3", Exit(after=3, rows=RandomRows(share=0.25, seed=7))),
    ],
)
def test_an_exit_is_read_as_it_is_written(text: str, wanted: Exit) -> None:
    assert as_intervention(text) == wanted
    assert as_intervention(str(wanted)) == wanted
    assert len({wanted, as_intervention(text)}) == 1


def test_layers_and_rows() -> None:
    layout = small_layout()
    assert list(Exit(after=2).layers(4)) == [2, 3]
    assert list(Exit(after=4).layers(4)) == []
    assert Exit(after=2).leaving(layout).tolist() == list(range(2, 14))
    assert Exit(after=2).leaving(separated_layout()).tolist() == [1, 2, 3, 4, 5, 6], "separators leave too"
    both = Acceleration(exits=(Exit(after=3),), frame_local=(1, 2))
    assert both.layers(4) == [0, 1, 3]
    assert str(both) == "frames -> later frames in layers 1..2; video leaves after layer 3"


def test_what_makes_no_sense_is_refused() -> None:
    layout = small_layout()
    for after in (-1, 1.0, True, "2"):
        with pytest.raises(InterventionError, match="whole number from 0"):
            Exit(after=after)  # type: ignore[arg-type]
    with pytest.raises(SpanError):
        Exit(after=1, rows="vidoe")
    with pytest.raises(InterventionError, match="chooses no rows"):
        Exit(after=1, rows=7)  # type: ignore[arg-type]
    with pytest.raises(InterventionError, match="4 layers"):
        Exit(after=5).check(layout, 4, 4)
    with pytest.raises(InterventionError, match="the last row, 21"):
        Exit(after=1, rows="question + last").check(layout, 4, 4)
    with pytest.raises(InterventionError, match="no attention to choose by"):
        Exit(after=0, rows=FastV())
    with pytest.raises(InterventionError, match="Nothing is saved"):
        Acceleration()
    with pytest.raises(InterventionError, match="ascending"):
        Acceleration(exits=(Exit(after=3), Exit(after=1)))
    with pytest.raises(InterventionError, match="ascending"):
        Acceleration(exits=(Exit(after=3), Exit(after=3, rows="frame[0]")))
    with pytest.raises(KnockoutError, match="reversed"):
        Acceleration(frame_local=(3, 1))


def test_cuts_beside_exits() -> None:
    cuts = Knockout.parse("video -> question in layers 2..3; frames -> later frames in layer 1").cuts
    what = Acceleration(exits=(Exit(after=3),), cuts=cuts)
    assert what.layers(4) == [0, 1, 2, 3]
    assert str(what) == f"{cuts[0]}; {cuts[1]}; video leaves after layer 3"
    assert what.cut(small_layout()) == Knockout(cuts=cuts)
    one_frame = what.cut(small_layout(frames=1))
    assert one_frame == Knockout(cuts=cuts[:1]), "nothing is there to cut"
    assert Acceleration(frame_local=(1, 2)).cut(small_layout(frames=1)) is None
    with pytest.raises(InterventionError, match="some heads only"):
        Acceleration(cuts=Knockout.parse("video -> last @ heads 0 in layer 1").cuts)
    drawn = Cut(flow=RandomEdges(count=3, first_row=2, seed=0), first_layer=1, last_layer=1)
    with pytest.raises(InterventionError, match="has no blocks"):
        Acceleration(cuts=(drawn,)).check(small_layout(), 4, 4)
    with pytest.raises(KnockoutError, match="2 layers"):
        Acceleration(cuts=cuts).check(small_layout(), 2, 4)
    starved = Knockout.parse("system + video -> video (self too) in layer 1").cuts
    with pytest.raises(KnockoutError, match="without any key"):
        Acceleration(cuts=starved).check(small_layout(), 4, 4)


def test_an_exit_of_the_video_is_a_cut_of_the_text() -> None:
    layout, cuts = small_layout(), Knockout.parse("video -> question in layer 1").cuts
    what = Acceleration(exits=(Exit(after=3),), frame_local=(1, 2), cuts=cuts)
    wanted = f"frames -> later frames in layers 1..2; {cuts[0]}; video -> text in layer 4"
    assert str(what.as_knockout(layout, 4)) == wanted
    assert what.as_knockout(layout, 3) == what.cut(layout), "it leaves after the last layer"
    assert Acceleration(exits=(Exit(after=4),)).as_knockout(layout, 4) is None, "nothing is cut"
    for rows in ("frame[0]", RandomRows()):
        assert Acceleration(exits=(Exit(after=1, rows=rows),)).as_knockout(layout, 4) is None
    twice = Acceleration(exits=(Exit(after=1), Exit(after=2, rows="question")))
    assert twice.as_knockout(layout, 4) is None


def test_a_clip_of_one_frame_has_nothing_to_keep_apart() -> None:
    Acceleration(frame_local=(1, 2)).check(small_layout(frames=1), 4, 4)


def test_rows_of_a_rule_are_not_known_before() -> None:
    with pytest.raises(InterventionError, match="in the model"):
        Exit(after=2, rows=RandomRows()).leaving(small_layout())
    assert np.array_equal(Exit(after=1, rows="frame[1]").leaving(small_layout()), [6, 7, 8, 9])
