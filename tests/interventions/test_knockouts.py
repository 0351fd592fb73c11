from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.interventions.layouts import small_layout
from workbench.errors import FlowError, KnockoutError, shown
from workbench.interventions import Cut, Flow, Knockout, LayerSpan, centred, knockouts

SMALL = small_layout()


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("video→last in layer 3", "video -> last in layer 3"),
        ("video -> last in layers 3-3", "video -> last in layer 3"),
        ("VT-K in layers 1 .. 4", "frames -> later frames in layers 1..4"),
        ("video -> last @ heads 3,0 in layers 2..5", "video -> last @ heads 0,3 in layers 2..5"),
        ("video -> last in no layer", "video -> last in no layer"),
        (
            "last->last in layer 1; LV-K in layers 2..3",
            "last -> last in layer 1; video -> text in layers 2..3",
        ),
    ],
)
def test_knockouts_print_canonically_and_read_back(typed: str, printed: str) -> None:
    knockout = Knockout.parse(typed)
    assert str(knockout) == printed
    assert Knockout.parse(printed) == knockout


def test_layers_count_from_one_outside_and_from_zero_inside() -> None:
    knockout = Knockout.parse("video -> last in layers 2..3; last -> last in layers 3..4")
    video_last, last_last = Flow.parse("video -> last"), Flow.parse("last -> last")
    assert knockout.layers(4) == {1: (video_last,), 2: (video_last, last_last), 3: (last_last,)}


def test_masks_keep_everything_but_the_cut() -> None:
    knockout = Knockout.parse("video -> last in layers 2..3; last -> last in layer 3")
    assert knockout.mask(SMALL, 0, 4) is None
    video, both = knockout.mask(SMALL, 1, 4), knockout.mask(SMALL, 2, 4)
    assert video is not None
    assert both is not None
    assert video.shape == both.shape == (1, 22, 22)
    np.testing.assert_array_equal(np.argwhere(~video[0]), [(21, k) for k in range(2, 14)])
    np.testing.assert_array_equal(np.argwhere(~both[0]), [(21, k) for k in (*range(2, 14), 21)])


def test_one_knockout_for_every_flow_and_range() -> None:
    flows = [Flow.parse("video -> last"), Flow.parse("last -> last")]
    made = knockouts(flows, [centred(3)], 4)
    assert len(made) == 8
    assert str(made[0]) == "video -> last in layers 1..2"
    assert str(made[-1]) == "last -> last in layers 3..4"
    assert Knockout.of("video -> last", LayerSpan(5, 6, 5)).layers(5) == {}, "after(L) cuts nothing"
    assert Knockout.of("video -> last", (2, 3)) == Knockout.parse("video -> last in layers 2..3")


@pytest.mark.parametrize(
    ("typed", "error", "message"),
    [
        ("video -> last", KnockoutError, "'video -> last' is not a cut. Write"),
        ("", KnockoutError, "'' is not a cut"),
        ("video -> last in layer 0", KnockoutError, "there is no layer 0. Layers are counted from 1"),
        ("video -> last in layers 5..3", KnockoutError, r"is reversed: did you mean layers 3..5"),
        ("video -> lst in layer 1", FlowError, "'lst' is not a span. Did you mean 'last'"),
    ],
)
def test_unreadable_knockouts_are_refused(typed: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Knockout.parse(typed)


def test_bad_parts_in_code_are_refused() -> None:
    flow = Flow.parse("video -> last")
    with pytest.raises(KnockoutError, match="at least one cut"):
        Knockout(cuts=())
    with pytest.raises(KnockoutError, match=r"1.5 is no layer"):
        Cut(flow=flow, first_layer=1, last_layer=1.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(KnockoutError, match=r"is reversed: did you mean 3\.\.7"):
        Cut(flow=flow, first_layer=7, last_layer=3)


@pytest.mark.parametrize(
    ("knockout", "message"),
    [
        ("video -> last in layers 2..5", "lies outside the model, which has 4 layers"),
        ("video -> last @ heads 0,4 in layer 1", r"names head 4, and this model has 4 query heads \(0..3\)"),
        ("last -> video in layer 1", "removes nothing"),
        ("system -> system (self too) in layer 1", r"leaves row 0 \(token 'token0'\) without any key"),
        (
            "text + video + system -> gap (self too) in layer 2",
            r"leaves row 14 \(token 'token14'\) without any key",
        ),
        (
            "video + gap -> option[A] in layer 1; "
            "system + question -> option[A] (self too) @ heads 1 in layer 1",
            "leaves row 18",
        ),
    ],
)
def test_knockouts_that_cannot_act_are_refused(knockout: str, message: str) -> None:
    with pytest.raises(KnockoutError, match=message):
        Knockout.parse(knockout).check(SMALL, 4, 4)


@pytest.mark.parametrize("text", [None, 5, " " * 20_000, f"video -> last in layer {10**20}"], ids=shown)
def test_what_is_no_knockout_is_refused(text: Any) -> None:
    with pytest.raises(KnockoutError, match=r"Write 'video -> question in layers 3\.\.11'"):
        Knockout.parse(text)


def test_layers_beyond_every_model_are_refused() -> None:
    for layer in (2**63, 10**5000):
        with pytest.raises(KnockoutError, match="is no layer"):
            Knockout.of("video -> last", (1, layer))
