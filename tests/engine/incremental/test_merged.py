"""Short nodes in few calls: the same as a softmax over what each row sees, whatever is cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.tiny import tiny_model, tiny_prompt
from workbench.engine.incremental.merged import MOST_ROWS, Merger
from workbench.engine.incremental.plan import Flows, Segment
from workbench.interventions import Flow

HEADS, KEY_HEADS, WIDTH, SCALE = 4, 2, 8, 0.3
STARTS = (22, 78, 79)
"""The first row of the question, the row before the last, and the last of 80."""
CUTS = (
    "video -> last",
    "last -> last (self too)",
    "system + video + text -> last",
    "video -> question",
    "question -> question (self too)",
    "system + video + text -> question",
)


def kinds(*texts: str) -> tuple[Flows, list[int]]:
    """The flows of a prompt, and the numbers of those that are named; the first is no cut at all."""
    flows = Flows(tiny_prompt(tiny_model("llava_onevision")).layout)
    return flows, [0, *(flows.number((Flow.parse(text),)) for text in texts)]


def by_hand(flows: Flows, segment: Segment, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention of one node in float64: query (r, H, e), keys and values (length, K, e) as it sees them."""
    sees = np.tri(segment.length, dtype=bool)
    for flow in flows.cuts[segment.kind]:
        sees &= ~flows.edges(flow).dense()
    groups = HEADS // KEY_HEADS
    keys, values = (part.double().repeat_interleave(groups, 1) for part in (keys, values))
    scores = torch.einsum("rhe,khe->hrk", query.double(), keys) * SCALE
    scores = scores.masked_fill(torch.from_numpy(~sees[segment.first :]), -torch.inf)
    return torch.einsum("hrk,khe->rhe", scores.softmax(-1), values)


@pytest.mark.parametrize("last_only", [False, True])
def test_every_row_sees_what_is_left_to_it(last_only: bool) -> None:
    torch.manual_seed(0)
    flows, numbers = kinds(*CUTS)
    length = flows.layout.length
    merger = Merger([flows], HEADS)
    segments = [
        Segment(0, kind, start, length - 1 if last_only else start, nodes, length)
        for start in STARTS
        for nodes, kind in enumerate(numbers, start=1)
    ]
    segments = [segment for segment in segments if merger.takes(segment)]
    # What leaves a row without a key is refused elsewhere, with its name; the rest is here in every form.
    assert {segment.kind for segment in segments} >= set(numbers[:3])
    assert {segment.start for segment in segments} == set(STARTS)
    rows = sum(one.nodes * (one.length - one.first) for one in segments)
    new = sum(one.nodes * (one.length - one.start) for one in segments)
    query = torch.randn(rows, HEADS, WIDTH)
    own = torch.randn(new, KEY_HEADS, WIDTH), torch.randn(new, KEY_HEADS, WIDTH)
    shared = torch.randn(1, KEY_HEADS, length, WIDTH), torch.randn(1, KEY_HEADS, length, WIDTH)
    out = torch.full_like(query, torch.nan)
    merger.attend(segments, query, own, shared, SCALE, out)
    done = known = 0
    for segment in segments:
        for _ in range(segment.nodes):
            here = slice(done, done := done + length - segment.first)
            there = slice(known, known := known + length - segment.start)
            keys, values = (
                torch.cat([before[0, :, : segment.start].transpose(0, 1), after[there]])
                for before, after in zip(shared, own, strict=True)
            )
            expected = by_hand(flows, segment, query[here], keys, values)
            assert (out[here] - expected).abs().max() < 2e-6, segment
    assert (done, known) == (rows, new)


def test_long_nodes_cut_heads_and_starved_rows_are_left_to_pieces() -> None:
    flows, (_, starving) = kinds("system + video + text -> last (self too)")
    length = flows.layout.length
    heads = flows.number((Flow.parse("video -> last @ heads 1"),))
    merger = Merger([flows], HEADS)
    last = Segment(0, 0, length - 1, length - 1, 1, length)
    assert merger.takes(last)
    assert not merger.takes(last._replace(kind=starving))
    assert not merger.takes(last._replace(kind=heads))
    assert not merger.takes(last._replace(start=0, first=0))
    long = last._replace(start=5, first=5, length=MOST_ROWS + 6)
    assert not merger.takes(long)


def test_a_segment_that_is_mostly_cut_is_left_to_pieces() -> None:
    flows, (_, cut) = kinds("video -> last")
    length = flows.layout.length
    merger = Merger([flows], HEADS)
    few = Segment(0, cut, length - 1, length - 1, 2, length)
    assert merger.takes(few)
    assert not merger.takes(few._replace(nodes=2**18))
    assert merger.takes(few._replace(kind=0, nodes=2**18))
