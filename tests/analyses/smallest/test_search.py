"""The search on a made-up world in which it is known which blocks an answer needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest

from workbench.analyses.smallest.search import Closed, Judged, Search
from workbench.interventions.blocks import Block

BLOCKS = [Block("video -> last", layer) for layer in range(1, 25)]
WEIGHTS = dict.fromkeys(BLOCKS, 1.0)


class World:
    """Right only while one block of every set in `needed` is open."""

    def __init__(self, *needed: set[Block]) -> None:
        self.needed = needed
        self.asked: list[Closed] = []

    def __call__(self, closed: Sequence[Closed]) -> list[Judged]:
        self.asked += closed
        found = []
        for blocks in closed:
            lost = sum(ways <= blocks for ways in self.needed)
            found.append(Judged(10, 10 - lost, not lost, -float(lost)))
        return found


def left(search: Search) -> set[Block]:
    return set(BLOCKS) - search.closed


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_exactly_what_is_needed_stays_open_in_any_order(batch: int) -> None:
    world = World({BLOCKS[3]}, {BLOCKS[11]}, {BLOCKS[12]})
    search = Search(world, WEIGHTS, metric=0.0, batch=batch)
    search.first_of("first", BLOCKS)
    assert search.closed == set(BLOCKS[:3])
    search.each_of("each", [block for block in BLOCKS if block not in search.closed], rounds=40)
    assert left(search) == {BLOCKS[3], BLOCKS[11], BLOCKS[12]}


def test_a_search_that_is_stopped_says_so() -> None:
    search = Search(World({BLOCKS[3]}), WEIGHTS, metric=0.0, batch=2)
    assert not search.each_of("each", BLOCKS, rounds=1)
    assert BLOCKS[3] not in search.closed
    assert len(search.closed) == 12
    assert search.each_of("each", [block for block in BLOCKS if block not in search.closed], rounds=9)
    assert left(search) == {BLOCKS[3]}


def test_of_two_ways_one_stays_open() -> None:
    world = World({BLOCKS[0], BLOCKS[23]})
    search = Search(world, WEIGHTS, metric=0.0, batch=4)
    search.each_of("each", BLOCKS, rounds=40)
    assert left(search) in ({BLOCKS[0]}, {BLOCKS[23]})


def test_all_is_closed_where_nothing_is_needed_and_nothing_where_all_is() -> None:
    free = Search(World(), WEIGHTS, metric=0.0, batch=8)
    free.first_of("first", BLOCKS)
    assert left(free) == set()
    needed = Search(World(*({block} for block in BLOCKS)), WEIGHTS, metric=0.0, batch=8)
    needed.first_of("first", BLOCKS)
    needed.each_of("each", BLOCKS, rounds=40)
    assert needed.closed == frozenset()
    assert not any(step.accepted for step in needed.steps)


def test_steps_say_what_was_accepted_and_smaller_sets_follow() -> None:
    world = World({BLOCKS[20]})
    search = Search(world, WEIGHTS, metric=0.0, batch=4)
    search.first_of("first", BLOCKS)
    search.each_of("each", BLOCKS[20:], rounds=40)
    accepted = [step.closed for step in search.steps if step.accepted]
    assert all(one < other for one, other in pairwise(accepted))
    assert accepted[-1] == search.closed
    assert {step.phase for step in search.steps} == {"first", "each"}
    assert len(world.asked) == len(search.steps)


def test_a_ranking_that_puts_what_is_needed_last_takes_few_questions() -> None:
    world = World({BLOCKS[23]})
    search = Search(world, WEIGHTS, metric=0.0, batch=8)
    search.first_of("first", BLOCKS)
    assert left(search) == {BLOCKS[23]}
    assert len(world.asked) <= 12
