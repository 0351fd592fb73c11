from __future__ import annotations

import numpy as np
import pytest

from tests.interventions.layouts import separated_layout, small_layout
from workbench.analyses.places.units import EACH, check_each, controls, described, flows_of, sink_flows
from workbench.errors import FlowError, RunError, SpanError
from workbench.interventions import Flow
from workbench.prompts.layout import TokenLayout


@pytest.mark.parametrize(
    ("each", "to", "count", "first", "last"),
    [
        ("frame", None, 3, "frame[0] -> frame[1:] + text", "frame[2] -> text"),
        ("frame", "last", 3, "frame[0] -> last", "frame[2] -> last"),
        ("frame pair", None, 3, "frame[0] -> frame[1]", "frame[1] -> frame[2]"),
        ("cell", None, 12, "cell[0,0,0] -> frame[1:] + text", "cell[2,1,1] -> text"),
        ("location", None, 4, "cell[:,0,0] -> text", "cell[:,1,1] -> text"),
        ("head", None, 5, "video -> text @ heads 0", "video -> text @ heads 4"),
    ],
)
def test_flows_of_every_place(each: str, to: str | None, count: int, first: str, last: str) -> None:
    layout = small_layout()
    flows = flows_of(layout, each, to, 5)
    assert (len(flows), str(flows[0]), str(flows[-1])) == (count, first, last)
    assert len({described(str(flow)).unit for flow in flows}) == count
    assert all(described(str(flow)).kind == "itself" for flow in flows)
    for flow in flows:
        for control in controls(flow, layout, range(2), seed=0):
            told = described(str(control))
            assert told == described(str(flow))._replace(kind="random")
            assert control.edges(layout).per_row().tolist() == flow.edges(layout).per_row().tolist()


def test_every_cell_of_a_grid_is_the_whole_video() -> None:
    layout = small_layout()
    cells = flows_of(layout, "cell", "last", 1)
    whole = Flow.parse("video -> last").edges(layout).dense()
    np.testing.assert_array_equal(np.sum([flow.edges(layout).dense() for flow in cells], axis=0), whole)


def test_what_a_flow_stands_for() -> None:
    assert described("cell[2,0,1] -> last")[1:6] == ("cell[2,0,1]", 2, -1, 0, 1)
    assert described("cell[:,0,1] -> last")[1:6] == ("cell[:,0,1]", -1, -1, 0, 1)
    assert described("frame[1] -> frame[2]")[1:4] == ("frame[1] -> frame[2]", 1, 2)
    assert described("frame[1] -> frame[2:] + text")[1:4] == ("frame[1]", 1, -1)
    assert described("frame[1] -> last, sparing sinks")[:2] == ("sparing", "frame[1]")
    assert described("text_sinks -> text")[:2] == ("sinks", "text_sinks")


def test_sinks_are_cut_apart_where_there_are_some() -> None:
    layout = small_layout()
    flows = flows_of(layout, "frame", None, 1)
    assert not list(sink_flows(flows, layout, None))
    spans = {**layout.spans, "sinks": [0, 7], "video_sinks": [7], "text_sinks": [0]}
    marked = TokenLayout(length=layout.length, spans=spans, frames=layout.frames, grid=layout.grid)
    assert [str(flow) for flow in sink_flows(flows, marked, "last")] == [
        "sinks -> last",
        "video_sinks -> last",
        "text_sinks -> last",
        "frame[1] -> frame[2:] + text, sparing sinks",
    ]


def test_what_cannot_be_looked_at_is_refused() -> None:
    assert {check_each(each, None) for each in EACH} == {None}
    assert check_each("frame", "Last") == "last"
    with pytest.raises(RunError, match="Did you mean 'frame'"):
        check_each("fram", None)
    with pytest.raises(SpanError, match="Did you mean 'last'"):
        check_each("frame", "lst")
    with pytest.raises(FlowError, match="second frame is the target"):
        check_each("frame pair", "last")
    bare = TokenLayout(length=5, spans={"question": [3]}, frames=[[1, 2]])
    for each, lacks in (
        ("cell", "grid of cells"),
        ("location", "grid of cells"),
        ("frame pair", "two frames"),
    ):
        with pytest.raises(RunError, match=lacks):
            flows_of(bare, each, None, 1)
    assert len(flows_of(separated_layout(), "cell", None, 1)) == 4
