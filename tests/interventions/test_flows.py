from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.interventions.layouts import separated_layout, small_layout
from workbench.errors import FlowError, KnockoutError, SpanError
from workbench.interventions import Flow, as_flows
from workbench.prompts.layout import TokenLayout


def pairs(flow: str, layout: TokenLayout) -> set[tuple[int, int]]:
    """The removed (query, key) pairs, read off the dense mask."""
    return {(int(q), int(k)) for q, k in np.argwhere(Flow.parse(flow).edges(layout).dense())}


def block(rows: range, columns: range) -> set[tuple[int, int]]:
    return {(q, k) for q in rows for k in columns}


SMALL = small_layout()
FRAMES = (range(2, 6), range(6, 10), range(10, 14))
VIDEO, QUESTION, LAST = range(2, 14), range(15, 20), range(21, 22)


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("video→question", "video -> question"),
        (" VIDEO->  last @head 3 , 1", "video -> last @ heads 1,3"),
        ("Frames  →  Later   frames", "frames -> later frames"),
        ("cross-frame", "frames -> later frames"),
        ("VT-K @ heads 2", "frames -> later frames @ heads 2"),
        ("vs-k", "within frames"),
        ("within frames(self too)", "within frames (self too)"),
        ("LV-K", "video -> text"),
        ("last->last", "last -> last"),
        ("last -> last (self too)", "last -> last"),
        ("question -> question (self too) @ heads 0", "question -> question (self too) @ heads 0"),
        ("frame[:2]+gap -> option[a]", "frame[0:2] + gap -> option[A]"),
    ],
)
def test_flows_print_canonically_and_read_back(typed: str, printed: str) -> None:
    flow = Flow.parse(typed)
    assert str(flow) == printed
    assert Flow.parse(printed) == flow


NAMES = st.sampled_from(
    ["system", "video", "gap", "question", "nonoption", "true_option", "tail", "last", "frame[1]",
     "frame[0:2]", "cell[0,1,1]", "option[B]", "text"]
)  # fmt: skip
SPANS = st.lists(NAMES, min_size=1, max_size=3, unique=True).map(" + ".join)


@given(SPANS, SPANS, st.none() | st.sets(st.integers(0, 31), min_size=1), st.booleans())
def test_every_pair_of_spans_is_a_flow_that_reads_back(
    source: str, target: str, heads: set[int] | None, self_too: bool
) -> None:
    keep_self = not (self_too or source == target == "last")
    flow = Flow(source=source, target=target, heads=tuple(heads) if heads else None, keep_self=keep_self)
    assert Flow.parse(str(flow)) == flow


EXPECTED = {
    "frames -> later frames": block(FRAMES[1], FRAMES[0]) | block(FRAMES[2], range(2, 10)),
    "within frames": {(q, k) for frame in FRAMES for q, k in block(frame, frame) if k < q},
    "within frames (self too)": {(q, k) for frame in FRAMES for q, k in block(frame, frame) if k <= q},
    "video -> text": block(range(14, 22), VIDEO),
    "video -> question": block(QUESTION, VIDEO),
    "video -> last": block(LAST, VIDEO),
    "question -> last": block(LAST, QUESTION),
    "last -> last": {(21, 21)},
    "nonoption -> last": block(LAST, range(15, 17)),
    "true_option -> last": {(21, 19)},
    "false_options -> last": {(21, 18)},
    "video -> nonoption": block(range(15, 17), VIDEO),
    "nonoption -> true_option": {(19, 15), (19, 16)},
    "video -> true_option": block(range(19, 20), VIDEO),
    "video -> video": {(q, k) for q, k in block(VIDEO, VIDEO) if k < q},
    "video -> video (self too)": {(q, k) for q, k in block(VIDEO, VIDEO) if k <= q},
    "text -> question": {(q, k) for q, k in block(QUESTION, range(14, 22)) if k < q},
    "cell[0,1,1] + frame[2] -> frame[1] + tail":
        {(q, 5) for q in (*FRAMES[1], 20)} | block(range(20, 21), FRAMES[2]),
}  # fmt: skip


@pytest.mark.parametrize("flow", EXPECTED)
def test_edges_are_those_of_the_definition(flow: str) -> None:
    edges = Flow.parse(flow).edges(SMALL)
    assert pairs(flow, SMALL) == EXPECTED[flow]
    assert edges.count() == len(EXPECTED[flow])
    assert edges.first_row == min(q for q, _ in EXPECTED[flow])
    np.testing.assert_array_equal(edges.per_row(), edges.dense().sum(axis=1))
    np.testing.assert_array_equal(edges.rows, sorted({q for q, _ in EXPECTED[flow]}))
    for row in range(SMALL.length):
        np.testing.assert_array_equal(edges.keys_lost(row), np.flatnonzero(edges.dense()[row]))


def test_separators_are_video_but_no_frame() -> None:
    layout = separated_layout()
    assert pairs("frames -> later frames", layout) == {(4, 1), (4, 2), (5, 1), (5, 2)}
    assert pairs("video -> last", layout) == {(8, k) for k in range(1, 7)}


def test_closed_forms_of_the_paper() -> None:
    """The 7B model of MTF: S=53, V=8*144, gap 5, Q=41, tail 16, last included (MTF Table 3)."""
    frames = [range(53 + 144 * t, 53 + 144 * (t + 1)) for t in range(8)]
    question = range(53 + 1152 + 5, 53 + 1152 + 5 + 41)
    layout = TokenLayout(length=1267, spans={"question": question}, frames=frames, grid=(12, 12))
    v, m, q = 1152, 144, 41

    def count(flow: str) -> int:
        return Flow.parse(flow).edges(layout).count()

    assert count("frames -> later frames") == v * (v + 1) // 2 - 8 * m * (m + 1) // 2
    assert count("video -> question") == v * q
    assert count("question -> last") == q
    assert count("last -> last") == 1
    assert count("video -> video (self too)") == v * (v + 1) // 2
    assert count("question -> question (self too)") == q * (q + 1) // 2


def test_generated_rows_inherit_what_last_may_not_see() -> None:
    longer = SMALL.with_generated(2, tokens=["one", "two"])
    assert pairs("video -> last", longer) == block(range(21, 24), VIDEO)
    assert pairs("question -> last", longer) == block(range(21, 24), QUESTION)
    assert pairs("video -> text", longer) == block(range(14, 24), VIDEO)
    assert pairs("last -> last", longer) == {(21, 21), (22, 21), (23, 21)}
    assert pairs("video -> question", longer) == block(QUESTION, VIDEO)
    assert pairs("frames -> later frames", longer) == EXPECTED["frames -> later frames"]
    assert pairs("video -> generated", longer) == block(range(22, 24), VIDEO)
    for flow in EXPECTED:
        dense = Flow.parse(flow).edges(longer).dense()[:22, :22]
        np.testing.assert_array_equal(dense, Flow.parse(flow).edges(SMALL).dense())


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", "'' is not a flow. Write 'source -> target'"),
        ("video", "'video' is not a flow"),
        ("video > last", "Did you mean 'video -> last'"),
        ("croos-frame", "Did you mean 'cross-frame'"),
        ("video -> question -> last", "is not a flow"),
        ("vidoe -> last", "In the flow 'vidoe -> last': 'vidoe' is not a span. Did you mean 'video'"),
        ("video -> ", "In the flow 'video -> ': A span name is missing here"),
        ("frames -> question", "'frames' is not a span by itself"),
        ("frames -> late frames", "one of the flows 'frames -> later frames'"),
        ("frame[3:1] -> last", r"'frame\[3:1\]' is not complete"),
        ("frames -> later frames (self too)", "never cuts a row's own key"),
        ("video -> last @ heads", "'@ heads' names no heads"),
        ("video -> last @ 3", "'@ 3' names no heads. Write '@ heads 0,3'"),
        ("video -> last @ heads -1", "names no heads"),
        ("video -> last @ heads 0-3", "names no heads"),
        ("video -> last @ heads 1,2,1", "names head 1 twice"),
    ],
)
def test_unreadable_flows_are_refused(typed: str, message: str) -> None:
    with pytest.raises(FlowError, match=message):
        Flow.parse(typed)


@pytest.mark.parametrize("heads", [(), (True,), (-1,), (0.5,)])
def test_bad_heads_in_code_are_refused(heads: tuple) -> None:
    with pytest.raises(FlowError, match="head"):
        Flow(source="video", target="last", heads=heads)


def test_last_to_last_that_keeps_self_is_refused() -> None:
    with pytest.raises(FlowError, match="keep_self=True nothing is left"):
        Flow(source="last", target="last")


@pytest.mark.parametrize(
    ("flow", "layout", "message"),
    [
        ("last -> video", SMALL, "a causal model never looks ahead. Did you mean 'video -> last'"),
        ("video -> system", SMALL, "Did you mean 'system -> video'"),
        ("video -> generated", SMALL, "'generated' has no rows before the model has written anything"),
        ("separator -> last", SMALL, "the span 'separator' has no rows in it"),
        ("gap -> gap", SMALL, r"Add '\(self too\)' to cut them"),
        ("frames -> later frames", small_layout(frames=1), "fewer than two frames"),
        ("video -> last (self too)", SMALL, "no row is in both spans"),
    ],
)
def test_a_cut_without_effect_is_refused(flow: str, layout: TokenLayout, message: str) -> None:
    with pytest.raises(KnockoutError, match=message):
        Flow.parse(flow).edges(layout)


@pytest.mark.parametrize("flow", ["frame[3] -> last", "option[C] -> last", "true_option -> last"])
def test_spans_that_the_prompt_lacks_are_refused(flow: str) -> None:
    with pytest.raises(SpanError):
        Flow.parse(flow).edges(small_layout(options=False))


def test_as_flows() -> None:
    video_last = Flow.parse("video -> last")
    assert as_flows("video→last") == as_flows(video_last) == as_flows([video_last]) == (video_last,)
    for bad, message in (([], "No flow"), (["video -> last", video_last], "twice"), ([3], "3 is no flow")):
        with pytest.raises(FlowError, match=message):
            as_flows(bad)  # pyright: ignore[reportArgumentType]
    assert video_last.at_heads(2, 0) == Flow.parse("video -> last @ heads 0,2")


@pytest.mark.parametrize("flows", [None, 5, [None], [5], object()])
def test_what_holds_no_flow_is_refused(flows: Any) -> None:
    with pytest.raises(FlowError, match=r"is no flow.*Write 'source -> target'"):
        as_flows(flows)


def test_heads_beyond_every_model_are_refused() -> None:
    with pytest.raises(FlowError, match="names no heads"):
        Flow.parse(f"video -> last @ heads {10**20}")
    for heads in ((10**5000,), (2**63,), 5, "03"):
        with pytest.raises(FlowError, match="head"):
            Flow(source="video", target="last", heads=heads)  # type: ignore[arg-type]
