"""A flow without some of its keys."""

from __future__ import annotations

import numpy as np
import pytest

from tests.interventions.layouts import small_layout
from workbench.errors import FlowError, KnockoutError, SpanError
from workbench.interventions import Flow, Knockout, Sparing


def test_the_flows_edges_without_the_spared_keys() -> None:
    layout = small_layout()
    sparing = Sparing(flow=Flow.parse("frame[1] -> last"), spared="cell[1,0,1] + question")
    np.testing.assert_array_equal(sparing.edges(layout).keys_lost(21), [6, 8, 9])
    both = Sparing(flow=Flow.parse("frames -> later frames"), spared="cell[0,0,0]")
    assert both.edges(layout).count() == Flow.parse("frames -> later frames").edges(layout).count() - 8


@pytest.mark.parametrize(
    "text", ["frame[1] -> last, sparing sinks", "video -> text, sparing sinks @ heads 0,2"]
)
def test_it_reads_back_from_text(text: str) -> None:
    found = Sparing.parse(text)
    assert found is not None
    assert str(found) == text
    assert Knockout.parse(f"{text} in layer 2").cuts[0].flow == found
    assert found.keep_self
    assert found.name == text.partition(" @")[0]
    assert Sparing.parse(text.replace(", sparing", " Sparing")) == found


def test_what_is_no_such_thing_is_refused() -> None:
    assert Sparing.parse("frame[1] -> last") is None
    with pytest.raises(SpanError, match="Did you mean 'sinks'"):
        Sparing.parse("frame[1] -> last, sparing sink")
    with pytest.raises(FlowError, match="heads stand at the end"):
        Sparing.parse("video -> last @ heads 1, sparing sinks")
    layout = small_layout()
    for spared, why in (("question", "nothing is spared"), ("video", "nothing is cut")):
        with pytest.raises(KnockoutError, match=why):
            Sparing(flow=Flow.parse("frame[1] -> last"), spared=spared).edges(layout)
    with pytest.raises(SpanError, match="no span"):
        Sparing(flow=Flow.parse("frame[1] -> last"), spared="sinks").edges(layout)
