"""Cuts at chosen steps: which rows lose what, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.interventions.layouts import small_layout
from workbench.errors import FlowError, KnockoutError
from workbench.interventions import AtSteps, Flow, Knockout, RandomEdges, as_steps, at_steps, writing_rows
from workbench.prompts.layout import TokenLayout

PROMPT = small_layout()  # last is row 21
WRITTEN = PROMPT.with_generated(3, tokens=["x", "y", "z"])  # steps 1..4: rows 21..24
FLOWS = ("video -> last", "question -> last", "last -> last", "video -> text", "generated -> last")


def of(flow: str, *steps: int) -> AtSteps:
    return AtSteps(flow=Flow.parse(flow), steps=steps)


def test_the_rows_that_predict_tokens() -> None:
    assert writing_rows(PROMPT).tolist() == [21]
    assert writing_rows(WRITTEN).tolist() == [21, 22, 23, 24]


@settings(max_examples=30)
@given(st.sampled_from(FLOWS), st.sets(st.integers(1, 4), min_size=1))
def test_rows_of_other_steps_keep_what_they_see_and_the_prompt_loses_what_it_loses(flow, steps) -> None:
    whole = Flow.parse(flow).edges(WRITTEN).dense()
    chosen = [20 + step for step in steps]
    expected = whole.copy()
    expected[[row for row in range(21, 25) if row not in chosen]] = False
    if not expected.any():
        with pytest.raises(KnockoutError, match="removes nothing"):
            of(flow, *steps).edges(WRITTEN)
        return
    np.testing.assert_array_equal(of(flow, *steps).edges(WRITTEN).dense(), expected)


def test_all_steps_are_the_flow_itself() -> None:
    for flow in FLOWS:
        cut = of(flow, 4, 3, 2, 1).edges(WRITTEN)
        np.testing.assert_array_equal(cut.dense(), Flow.parse(flow).edges(WRITTEN).dense())
        assert cut.keep_self == (flow != "last -> last")


@pytest.mark.parametrize("text", ["video -> last at step 3", "question -> last @ heads 0,2 at steps 1,4"])
def test_it_is_read_as_it_is_written(text: str) -> None:
    knockout = Knockout.parse(f"{text} in layers 2..3")
    assert str(knockout) == f"{text} in layers 2..3"
    (cut,) = knockout.cuts
    assert isinstance(cut.flow, AtSteps)
    assert cut.flow.heads == cut.flow.flow.heads
    assert cut.flow.name == text.replace(" @ heads 0,2", "")
    assert Knockout.parse(f"{text.replace(' at ', '  AT ')} in layers 2..3") == knockout


def test_it_is_read_as_a_person_types_it() -> None:
    assert AtSteps.parse("LV-K at steps 4, 2 , 2") == of("video -> text", 2, 4)
    assert AtSteps.parse("video -> last") is None
    with pytest.raises(FlowError, match="Did you mean 'video'"):
        AtSteps.parse("vidio -> last at step 2")


@pytest.mark.parametrize("steps", [(), (0,), (True,), (1.5,), ("2",), (10**12,)])
def test_steps_that_are_none_are_refused(steps: Any) -> None:
    with pytest.raises(KnockoutError, match="from 1"):
        as_steps(steps)


@pytest.mark.parametrize(
    ("cut", "layout", "message"),
    [
        (of("video -> last", 5), WRITTEN, r"3 tokens are written here, which makes steps 1\.\.4"),
        (of("video -> last", 2), PROMPT, r"0 tokens are written here, which makes steps 1\.\.1"),
        (of("video -> question", 2), WRITTEN, "acts in the prompt before any step"),
        (of("generated -> last", 1, 2), WRITTEN, "removes nothing"),
    ],
)
def test_what_would_cut_nothing_is_never_silent(cut: AtSteps, layout: TokenLayout, message: str) -> None:
    with pytest.raises(KnockoutError, match=message):
        cut.edges(layout)


def test_a_knockout_at_steps_keeps_what_acts_in_the_prompt() -> None:
    told = "video -> question in layer 1; video -> last in layers 1..2; generated -> last in layer 3"
    knockout = Knockout.parse(told)
    assert str(at_steps(knockout, (4,), WRITTEN)) == (
        "video -> question in layer 1; video -> last at step 4 in layers 1..2; "
        "generated -> last at step 4 in layer 3"
    )
    assert str(at_steps(knockout, (1, 2), WRITTEN)) == (
        "video -> question in layer 1; video -> last at steps 1,2 in layers 1..2"
    )
    assert at_steps(Knockout.of("generated -> last", (1, 2)), (2,), WRITTEN) is None
    random = Knockout.of(RandomEdges(count=3, first_row=2, seed=0), (1, 2))
    with pytest.raises(KnockoutError, match="flows alone"):
        at_steps(random, (1,), WRITTEN)
