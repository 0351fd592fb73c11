"""Edge counts: three ways to count that must agree, and the numbers of Map the Flow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.analyses.pathways.test_bins import TABLE_E
from tests.interventions.layouts import separated_layout, small_layout
from workbench.analyses.pathways.closing import closed_by
from workbench.errors import KnockoutError
from workbench.interventions import Cut, Flow, Knockout, RandomEdges, keep_mask, present
from workbench.interventions.counts import (
    EdgeCount,
    Sizes,
    edge_count,
    edge_count_by_masks,
    full_edges,
    pathway_edges,
    removed_by_layer,
    removed_edges,
)
from workbench.prompts.layout import TokenLayout

SMALL = small_layout()
PAPER = {
    # Rows of the prompt; full count printed in Table 3, in millions.
    "LLaVA-NeXT-7B-Video-FT": (1267, 25.7),
    "LLaVA-NeXT-13B-Video-FT": (1267, 32.2),
    "Mini-InternVL-4B-Video-FT": (2159, 74.6),
    "VideoLLaMA3-7B": (1192, 19.9),
}
LLAVA = Sizes(length=53 + 8 * 144 + 5 + 41 + 16, video=8 * 144, frames=(144,) * 8, question=41)


@st.composite
def layouts(draw: st.DrawFn) -> TokenLayout:
    """Any prompt: frames of any sizes, separators, a gap or none, one to three rows after the question."""
    at = draw(st.integers(1, 4))
    frames, separators = [], []
    for _ in range(draw(st.integers(2, 4))):
        size = draw(st.integers(1, 4))
        frames.append(range(at, at + size))
        at += size
        if draw(st.booleans()):
            separators.append(at)
            at += 1
    at += draw(st.integers(0, 2))
    question = draw(st.integers(1, 5))
    spans = {"separator": separators, "question": range(at, at + question), "nonoption": [at]}
    return TokenLayout(length=at + question + draw(st.integers(1, 3)), spans=spans, frames=frames)


FLOWS = (
    "frames -> later frames",
    "within frames",
    "within frames (self too)",
    "video -> video",
    "video -> video (self too)",
    "video -> question",
    "video -> last",
    "video -> text",
    "question -> question",
    "question -> question (self too)",
    "question -> last",
    "last -> last",
    "frame[0] -> frame[1] + question",
    "video + question -> text (self too)",
)


@given(layouts(), st.lists(st.sampled_from(FLOWS), min_size=1, max_size=6, unique=True))
def test_shapes_and_masks_give_the_same_count_of_any_flows_together(layout, names) -> None:
    flows = []
    for name in names:
        try:
            Flow.parse(name).edges(layout)
        except KnockoutError:
            continue
        flows.append(Flow.parse(name))
    assume(flows)
    keep = keep_mask(flows, layout, n_heads=4)
    assert removed_edges(flows, layout) == int(np.tril(~keep[0]).sum())


@given(layouts(), st.data())
def test_shapes_and_masks_agree_over_layers_and_random_edges(layout, data) -> None:
    n_layers = data.draw(st.integers(1, 5))
    usable = [name for name in FLOWS if _acts(name, layout)]
    first = int(layout["video"][0])
    cuts = []
    for _ in range(data.draw(st.integers(1, 4))):
        a = data.draw(st.integers(1, n_layers))
        b = data.draw(st.integers(a, n_layers))
        flow = Flow.parse(data.draw(st.sampled_from(usable)))
        if data.draw(st.booleans()):
            flow = RandomEdges(count=data.draw(st.integers(1, 3)), first_row=first, seed=a, draw=b)
        cuts.append(Cut(flow=flow, first_layer=a, last_layer=b))
    knockout = Knockout(cuts=tuple(cuts))
    assert edge_count(layout, n_layers, knockout) == edge_count_by_masks(layout, n_layers, knockout)


def _acts(name: str, layout: TokenLayout) -> bool:
    try:
        Flow.parse(name).edges(layout)
    except KnockoutError:
        return False
    return True


@given(layouts(), st.integers(1, 6), st.data())
def test_the_papers_formula_counts_what_its_masks_close(layout, n_layers, data) -> None:
    ranges = {}
    for flow in ("frames -> later frames", "video -> question", "question -> last"):
        if data.draw(st.booleans()):
            first = data.draw(st.integers(1, n_layers))
            ranges[flow] = (first, data.draw(st.integers(first, n_layers)))
    knockout = present(closed_by(ranges, n_layers), layout)
    formula = pathway_edges(Sizes.of(layout), ranges, n_layers)
    assert (
        formula == edge_count_by_masks(layout, n_layers, knockout) == edge_count(layout, n_layers, knockout)
    )


@pytest.mark.parametrize("model", PAPER)
def test_full_counts_are_those_of_the_paper(model) -> None:
    length, printed = PAPER[model]
    # The paper prints 32.2M for 40 layers of 1267 rows, which have 32.13M: rounded up there, or longer
    # questions.
    assert full_edges(TABLE_E[model][0], length) / 1e6 == pytest.approx(printed, abs=0.075)


@pytest.mark.parametrize(
    ("model", "millions", "percent"),
    [("LLaVA-NeXT-7B-Video-FT", 11.08, 43.1), ("LLaVA-NeXT-13B-Video-FT", 11.81, 36.7)],
)
def test_effective_counts_of_the_llava_models(model, millions, percent) -> None:
    """Both have the same prompt. The paper prints 10.8M, 42% and 14.3M (a misprint), 37%."""
    n_layers, _, ranges = TABLE_E[model]
    found = pathway_edges(LLAVA, ranges, n_layers)
    assert found.kept / 1e6 == pytest.approx(millions, abs=0.005)
    assert found.percent == pytest.approx(percent, abs=0.05)


@pytest.mark.parametrize(
    ("model", "video", "millions", "percent"),
    [
        # Rows of the whole prompt are known for these two, rows of its spans are not: 8 frames of 256 rows
        # and a question of 38, or about 1125 rows of video, give the paper's numbers; neighbours do too.
        ("Mini-InternVL-4B-Video-FT", Sizes(2159, 2048, (256,) * 8, 38), 29.7, 39.8),
        ("VideoLLaMA3-7B", Sizes(1192, 1125, (141,) * 5 + (140,) * 3, 41), 11.47, 57.6),
    ],
)
def test_effective_counts_of_the_others_follow_for_likely_spans(model, video, millions, percent) -> None:
    n_layers, _, ranges = TABLE_E[model]
    found = pathway_edges(video, ranges, n_layers)
    assert found.kept / 1e6 == pytest.approx(millions, abs=0.05)
    assert found.percent == pytest.approx(percent, abs=0.15)


def test_counts_by_hand() -> None:
    # 22 rows, 12 of them video: 253 edges a layer, 12 from the video to the last row.
    knockout = Knockout.parse("video -> last in layers 2..3; last -> last in layer 3")
    assert edge_count(SMALL, 4) == edge_count_by_masks(SMALL, 4) == EdgeCount(1012, 1012)
    found = edge_count(SMALL, 4, knockout)
    assert found == edge_count_by_masks(SMALL, 4, knockout) == EdgeCount(1012, 1012 - 12 - 13)
    assert found.removed == 25
    assert found.percent == pytest.approx(100 * 987 / 1012)
    # Separators are video, and no frame: cross-frame leaves their edges alone.
    assert Sizes.of(separated_layout()) == Sizes(9, 6, (2, 2), 1)
    assert edge_count(separated_layout(), 1, Knockout.of("VT-K", (1, 1))).removed == 4


def test_cuts_of_single_heads_have_no_count() -> None:
    knockout = Knockout.parse("video -> last @ heads 1 in layer 1")
    for count in (edge_count, edge_count_by_masks):
        with pytest.raises(KnockoutError, match="acts on some heads only"):
            count(SMALL, 4, knockout)


@given(layouts(), st.data())
def test_shapes_and_masks_agree_where_single_heads_are_cut(layout, data) -> None:
    usable = [name for name in FLOWS if _acts(name, layout)]
    cuts = []
    for _ in range(data.draw(st.integers(1, 4))):
        flow = Flow.parse(data.draw(st.sampled_from(usable)))
        heads = data.draw(st.sets(st.integers(0, 2)))
        flow = flow.at_heads(*heads) if heads else flow
        layer = data.draw(st.integers(1, 3))
        cuts.append(Cut(flow=flow, first_layer=layer, last_layer=3))
    knockout = Knockout(cuts=tuple(cuts))
    found = edge_count(layout, 3, knockout, n_heads=3)
    assert found == edge_count_by_masks(layout, 3, knockout, n_heads=3)
    assert found.full == 3 * full_edges(3, layout.length)
    assert sum(removed_by_layer(layout, 3, knockout, n_heads=3)) == found.removed


def test_heads_that_lose_the_same_count_as_one() -> None:
    whole = Knockout.parse("video -> last in layers 2..3")
    assert edge_count(SMALL, 4, whole, n_heads=5).percent == edge_count(SMALL, 4, whole).percent
    one = Knockout.parse("video -> last @ heads 1 in layer 2")
    assert edge_count(SMALL, 4, one, n_heads=4).removed == 12
    assert edge_count(SMALL, 4, n_heads=4) == EdgeCount(4048, 4048)
    with pytest.raises(KnockoutError, match=r"names head 1, and there are 1 query heads"):
        edge_count(SMALL, 4, one, n_heads=1)
