"""A structural zero is told apart from an unused edge: how much of what is cut was there."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.interventions import Flow
from workbench.interventions.existing import Existing
from workbench.prompts.layout import TokenLayout

LAYOUT = TokenLayout(length=12, spans={"question": [8, 9]}, frames=[[1, 2], [3, 4]])
ROWS = np.arange(12)


def window(width: int) -> np.ndarray:
    return (ROWS[None] <= ROWS[:, None]) & (ROWS[None] > ROWS[:, None] - width)


@pytest.mark.parametrize("width", [1, 4, 5, 6, 8, 12])
def test_edges_that_a_window_leaves_are_counted_one_by_one(width: int) -> None:
    flow = Flow.parse("video -> question")
    pairs = [(row, key) for row in (8, 9) for key in (1, 2, 3, 4)]
    there = [row - key < width for row, key in pairs]
    existing = Existing(LAYOUT, [None, window(width)])
    assert existing.percent({1: (flow,)}) == pytest.approx(100 * sum(there) / 8)
    assert existing.percent({0: (flow,)}) == 100
    assert existing.percent({0: (flow,), 1: (flow,)}) == pytest.approx(100 * (8 + sum(there)) / 16)


def test_edges_ahead_are_no_part_of_a_flow() -> None:
    """A mask that opens later rows adds nothing to what a causal flow could cut."""
    everything = np.ones((12, 12), bool)
    flow = Flow.parse("frames -> later frames")
    assert Existing(LAYOUT, [everything]).percent({0: (flow,)}) == 100


def test_two_cuts_of_one_edge_count_it_once_and_no_layer_lacks_nothing() -> None:
    one, two = Flow.parse("video -> question"), Flow.parse("frame[1] -> question")
    existing = Existing(LAYOUT, [window(6)])
    assert existing.percent({0: (one, two)}) == existing.percent({0: (one,)})
    assert existing.percent({}) == 100
    assert Existing(LAYOUT, ()).percent({0: (one,)}) == 100
