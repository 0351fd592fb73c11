"""Planted models as data: names, candidates, samples that say nothing."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import KnockoutError
from workbench.interventions import Flow
from workbench.planted import FLOWS, PLANTED, Candidate, candidates, cut_of
from workbench.planted.truth import FRAMES


def test_there_are_many_and_each_is_told_once() -> None:
    assert len(PLANTED) >= 20
    assert len({one.story for one in PLANTED.values()}) == len(PLANTED)
    roles = {edge.role for one in PLANTED.values() for edge in one.edges}
    assert roles == {"needed", "sufficient", "backup", "negative"}
    for one in PLANTED.values():
        assert one.story.endswith(".")
        assert all(len(shown.frames) == FRAMES for shown in one.shown)
        assert len(one.shown) % 2 == 0
        for clip, twin in zip(one.shown[::2], one.shown[1::2], strict=True):
            assert clip.answer != twin.answer or not one.edges


def test_no_two_flows_share_an_edge_and_names_say_nothing(tmp_path: Path) -> None:
    planted = PLANTED["through separators"]
    model, samples = planted.load(), planted.samples(tmp_path)
    assert {sample.id for sample in samples} == {"sample/0", "sample/1"}
    assert planted.name not in model.name
    layout = model.encode(samples[0]).layout
    every = candidates(layout, 6, 4)
    flows = list(dict.fromkeys(one.flow for one in every))
    assert flows == list(FLOWS)
    assert len(every) == len(set(every)) == len(FLOWS) * 24
    edges = {flow: Flow.parse(flow).edges(layout).dense() for flow in flows}
    for one, other in combinations(flows, 2):
        assert not np.any(edges[one] & edges[other]), (one, other)


def test_a_cut_joins_heads_of_a_flow_and_layer() -> None:
    both = cut_of([Candidate("frame[0] -> last", 3, 2), Candidate("frame[0] -> last", 3, 0)])
    assert str(both) == "frame[0] -> last @ heads 0,2 in layer 3"
    with pytest.raises(KnockoutError, match="at least one cut"):
        cut_of([])
