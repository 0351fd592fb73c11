from __future__ import annotations

from typing import Any, cast

import pytest

from workbench.analyses.smallest.contest import contest
from workbench.analyses.smallest.lab import Lab
from workbench.analyses.smallest.search import Closed
from workbench.analyses.smallest.tables import BY_HEAD, BY_LAYER, all_weights
from workbench.interventions import Knockout
from workbench.interventions.blocks import closing
from workbench.statistics.faithfulness import SIZES

BLOCKS, WEIGHTS = all_weights({"video -> last": 0.01, "video -> question": 0.05}, 4, 2)
SCORES = {block: float(number) - 2 for number, block in enumerate(BLOCKS)}


class Heads:
    """A lab without a model."""

    class model:
        n_heads = 2

    def closed(self, name: str, blocks: Closed) -> Any:
        return Lab.closed(cast("Any", self), name, blocks)


@pytest.fixture(scope="module")
def made() -> Any:
    smallest = {
        BY_LAYER: frozenset(BLOCKS[:-1]),
        BY_HEAD: frozenset([*BLOCKS[:-1], BLOCKS[-1].by_head(2)[0]]),
    }
    paper = {"faithful": Knockout.parse("video -> last in layers 1..4").cuts}
    accepted = [frozenset(BLOCKS[:4])]
    return contest(cast("Any", Heads()), SCORES, WEIGHTS, accepted, smallest, paper, range(5, 7))


def test_names_are_of_one_set_each(made) -> None:
    keys = [one.key for one in made.tested]
    assert len(set(keys)) == len(keys)
    assert made.none in keys
    kinds = {
        kind: [one for one in made.tested if one.kind == kind] for kind in {one.kind for one in made.tested}
    }
    assert {kind: len(own) for kind, own in kinds.items()} == {
        "full": 1,
        "none": 1,
        "paper": 1,
        "search": 1,
        "smallest": 2,
        "ranked": 2 * len(SIZES),
        "random blocks": 2 * (2 + sum(0.05 <= size < 1 for size in SIZES)),
        "random edges": 2 * 3,
    }
    assert {one.seed for one in kinds["random edges"]} == {5, 6}
    assert {one.seed for one in kinds["smallest"]} == {-1}


def test_random_blocks_have_as_many_edges_as_the_set_of_their_name(made) -> None:
    closed = {one.key: one.edges.closed for one in made.tested if one.edges is not None}
    for seed in (5, 6):
        cuts = closed[f"random blocks: {BY_LAYER} ({seed})"]
        open_blocks = len(BLOCKS) - sum(len(cut.layers) for cut in cuts)
        assert (
            1 <= open_blocks <= 5
        )  # one of the large flow, or all four of the small one and no room for more
    assert closed["random edges: flow x layer (5)"] == closed[f"smallest: {BY_LAYER}"]


def test_circuits_grow_by_signed_score_or_by_magnitude(made) -> None:
    assert list(made.sized) == ["score", "magnitude"]
    closed = {one.key: one.edges.closed for one in made.tested if one.edges is not None}
    for names in made.sized.values():
        assert len(names) == len(SIZES)
        sizes = [sum(len(cut.layers) for cut in closed[name]) for name in names]
        assert sizes == sorted(sizes, reverse=True)
        assert (sizes[0], sizes[-1]) == (len(BLOCKS), 0)
    # By score the harmful first block comes last of the small flow's, by magnitude it comes first.
    (small,) = {name for name in made.sized["magnitude"] if name.endswith(" 0.05")}
    assert closing([BLOCKS[0]], 2)[0] not in closed[small]
