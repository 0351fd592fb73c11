"""Size-matched draws: exactly as many keys from every query, and nothing but the video's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.interventions.layouts import separated_layout, small_layout
from workbench.errors import FlowError, KnockoutError
from workbench.interventions import Flow, Knockout, RandomKeys

FLOWS = (
    "frame[1] -> last",
    "frame[0] -> frame[1:] + text",
    "frame[0] -> frame[2]",
    "frame[1] -> frame[2:] + text @ heads 0,3",
    "cell[:,0,1] -> text",
)


def drawn(flow: str, draw: int = 0, seed: int = 0) -> RandomKeys:
    return RandomKeys(flow=Flow.parse(flow), seed=seed, draw=draw)


@pytest.mark.parametrize("flow", FLOWS)
def test_every_query_loses_exactly_as_many_keys_as_in_the_flow(flow: str) -> None:
    layout = small_layout()
    own = Flow.parse(flow).edges(layout)
    video = set(layout["video"].tolist())
    frames = {row: t for t, rows in enumerate(layout.frames) for row in rows.tolist()}
    seen = []
    for draw in range(40):
        control = drawn(flow, draw)
        edges = control.edges(layout)
        np.testing.assert_array_equal(edges.per_row(), own.per_row())
        assert edges.count() == own.count() == edges.dense().sum()
        queries, keys = np.nonzero(edges.dense())
        assert set(keys.tolist()) <= video
        assert all(key < query for query, key in zip(queries, keys, strict=True))
        assert all(frames.get(int(q)) != frames[int(k)] for q, k in zip(queries, keys, strict=True))
        assert control.heads == Flow.parse(flow).heads
        seen.append(edges.dense())
    assert len({mask.tobytes() for mask in seen}) > 1, "anew every time"
    np.testing.assert_array_equal(seen[3], drawn(flow, 3).edges(small_layout()).dense())


def test_every_key_is_equally_likely() -> None:
    layout = small_layout()
    times = np.sum([drawn("frame[1] -> last", draw).edges(layout).dense()[21] for draw in range(450)], axis=0)
    # 4 of 12 keys: binomial(450, 1/3), mean 150, standard deviation 10.
    assert times[2:14].sum() == times.sum() == 450 * 4
    assert np.abs(times[2:14] - 150).max() < 5 * 10


def test_it_reads_back_from_text() -> None:
    for flow in FLOWS:
        control = drawn(flow, 7, 3)
        assert RandomKeys.parse(str(control)) == control
        assert Knockout.parse(f"{control} in layers 1..3").cuts[0].flow == control
    assert RandomKeys.parse("frame[1] -> last") is None
    with pytest.raises(FlowError, match="Did you mean 'last'"):
        RandomKeys.parse("as many random keys as video -> lst (seed 0, draw 0)")


def test_where_nothing_else_could_be_drawn_it_says_so() -> None:
    with pytest.raises(KnockoutError, match="every draw is the same"):
        drawn("frame[0] -> frame[1]").edges(small_layout())
    with pytest.raises(KnockoutError, match="outside its own frame"):
        drawn("cell[0,0,0] -> video").edges(small_layout())
    with pytest.raises(KnockoutError, match="outside its own frame"):
        drawn("video + question -> last").edges(small_layout())
    with pytest.raises(KnockoutError, match="rows' own keys"):
        drawn("last -> last")
    with pytest.raises(KnockoutError, match="draw=-1"):
        drawn("video -> last", -1)


def test_separators_of_no_frame_are_drawn_and_queries_too() -> None:
    layout = separated_layout()
    keys = {
        int(key) for d in range(40) for key in drawn("frame[0] -> question", d).edges(layout).keys_lost(7)
    }
    assert keys == set(range(1, 7))
    assert drawn("frame[0] -> frame[1]").edges(layout).count() == 4
