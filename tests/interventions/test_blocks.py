from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import FlowError
from workbench.interventions import Knockout
from workbench.interventions.blocks import Block, closing

FLOWS = ("video -> question", "within frames (self too)", "last -> last")
N_LAYERS, N_HEADS = 4, 3
BLOCKS = st.builds(Block, st.sampled_from(FLOWS), st.integers(1, N_LAYERS), st.integers(-1, N_HEADS - 1))


@given(st.sets(BLOCKS, max_size=20))
def test_cuts_close_each_block_once_and_nothing_else(blocks) -> None:
    wanted = {
        (block.flow, block.layer, head)
        for block in blocks
        for head in (range(N_HEADS) if block.head == -1 else [block.head])
    }
    cuts = closing(blocks, N_HEADS)
    found = [
        (cut.flow.name, layer, head)
        for cut in cuts
        for layer in cut.layers
        for head in (range(N_HEADS) if cut.flow.heads is None else cut.flow.heads)
    ]
    assert sorted(found) == sorted(wanted)
    assert cuts == closing(sorted(blocks, reverse=True), N_HEADS), "the order does not matter"


def test_layers_with_the_same_heads_are_one_cut() -> None:
    blocks = [Block("video -> last", layer) for layer in (1, 2, 4)]
    blocks += [Block("question -> last", layer, head) for layer in (2, 3) for head in (0, 2)]
    assert list(map(str, closing(blocks, N_HEADS))) == [
        "question -> last @ heads 0,2 in layers 2..3",
        "video -> last in layers 1..2",
        "video -> last in layer 4",
    ]


def test_a_block_is_written_as_the_knockout_that_closes_it() -> None:
    for block in (Block("video -> last", 3), Block("within frames (self too)", 2, 1)):
        assert Knockout.parse(str(block)).cuts == closing([block], N_HEADS)
    assert Block("video -> last", 3).by_head(2) == (
        Block("video -> last", 3, 0),
        Block("video -> last", 3, 1),
    )
    with pytest.raises(FlowError, match="vidio"):
        closing([Block("vidio -> last", 1)], N_HEADS)
