"""Sets of closed edges: the same answers as by the reference engine, and edges counted as they are closed."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.interventions.layouts import separated_layout, small_layout
from tests.tiny import tiny_clip, tiny_model, tiny_prompt, tiny_sample
from workbench.analyses.pathways.closing import closed_by
from workbench.analyses.smallest.contest import FLOWS
from workbench.analyses.smallest.measurement import EdgeSet, FlowSizes, OpenEdges
from workbench.engine import get_engine
from workbench.errors import RunError
from workbench.interventions import Flow, edge_count, present
from workbench.interventions.blocks import Block, closing
from workbench.models import VideoLLM
from workbench.runs import measure_samples


@pytest.fixture(autouse=True)
def _clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VideoLLM, "read_clip", lambda *_: tiny_clip())


SOME = [
    Block(flow, layer, head)
    for number, flow in enumerate(FLOWS)
    for layer, head in ((1, number % 4), (2, -1), (1, (number + 1) % 4))
    if flow != "last -> last"
]


@pytest.mark.parametrize("layout", [small_layout(), separated_layout()])
def test_all_blocks_together_are_what_the_papers_rule_can_close(layout) -> None:
    blocks = closing([Block(flow, layer) for flow in FLOWS for layer in (1, 2)], 4)
    mine, papers = present(blocks, layout), present(closed_by({}, 2, "general"), layout)
    assert mine is not None
    assert papers is not None
    one, other = mine.mask(layout, 0, 4), papers.mask(layout, 0, 4)
    assert one is not None
    assert other is not None
    assert (one == other).all()
    assert edge_count(layout, 2, mine) == edge_count(layout, 2, papers)


def test_sets_of_flows_layers_and_heads_answer_as_by_the_reference_engine() -> None:
    model, sample = tiny_model(), tiny_sample()
    every = [Block(flow, layer) for flow in FLOWS for layer in range(1, model.n_layers + 1)]
    sets = (
        EdgeSet("some", closing(SOME, model.n_heads)),
        EdgeSet("every other", closing(every[::2], model.n_heads)),
        EdgeSet("random", closing(SOME, model.n_heads), seed=3),
    )
    tables = [
        measure_samples(model, [sample], OpenEdges(sets=sets, engine=get_engine(name)), progress=False).table
        for name in ("incremental", "reference")
    ]
    numbers: Any = [table.pop("logit_difference").to_numpy(np.float64) for table in tables]
    assert np.abs(numbers[0] - numbers[1]).max() < 1e-5
    assert np.ptp(numbers[0]) > 0.01
    pd.testing.assert_frame_equal(tables[0], tables[1])
    kept: Any = tables[0].set_index("name")["edges_kept"]
    assert kept["full"] == tables[0]["edges_full"].iloc[0]
    # Random edges are the same in all heads: a layer's mean, rounded.
    assert abs(kept["random"] - kept["some"]) <= model.n_layers * model.n_heads


def test_more_random_edges_than_there_are_leave_the_set_out_by_name() -> None:
    model, sample = tiny_model(), tiny_sample()
    every = closing([Block("video -> video (self too)", 1), Block("video -> text", 1)], model.n_heads)
    layout = tiny_prompt(model).layout
    assert present(every, layout) is not None
    sets = (EdgeSet("own", every), EdgeSet("drawn", every * model.n_layers, 0))
    found = measure_samples(
        model, [sample], OpenEdges(sets=sets, engine=get_engine("incremental")), progress=False
    )
    assert set(found.table["name"]) >= {"full", "own"}
    named = set(found.table["name"]) | set(found.skipped["flow"])
    assert named == {"full", "own", "drawn"}


def test_sizes_are_those_of_one_layer_and_head_and_zero_where_there_is_none() -> None:
    model, sample = tiny_model(), tiny_sample()
    layout = tiny_prompt(model).layout
    flows = tuple(map(Flow.parse, FLOWS))
    found = measure_samples(model, [sample], FlowSizes(flows=flows), progress=False).table
    assert list(found["flow"]) == list(map(str, flows))
    sizes = dict(zip(found["flow"], found["edges"], strict=True))
    assert sizes["video -> last"] == layout["video"].size
    assert sizes["last -> last"] == 1
    if "separator" not in layout:
        assert sizes["separator -> video"] == 0


def test_samples_without_options_cannot_be_used() -> None:
    open_ended = dataclasses.replace(tiny_sample(), options=(), answer=None, stem="It is", open_answer="left")
    with pytest.raises(RunError, match="no options"):
        measure_samples(tiny_model(), [open_ended], FlowSizes(flows=()), progress=False)
