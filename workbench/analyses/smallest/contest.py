"""What the test half is asked with: the sets that were found, and all that they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workbench.analyses.smallest.lab import Lab
from workbench.analyses.smallest.measurement import EdgeSet
from workbench.analyses.smallest.ranking import first_within, random_within
from workbench.analyses.smallest.search import Closed
from workbench.analyses.smallest.tables import (
    BY_HEAD,
    NONE,
    ORDERS,
    PAPER,
    RANDOM_BLOCKS,
    RANDOM_EDGES,
    RANKED,
    SEARCH,
    SMALLEST,
    Contender,
)
from workbench.interventions import Cut
from workbench.interventions.blocks import Block
from workbench.interventions.catalogue import (
    CROSS_FRAME,
    LAST_LAST,
    QUESTION_LAST,
    VIDEO_LAST,
    VIDEO_QUESTION,
    WITHIN_FRAMES,
)
from workbench.statistics.faithfulness import SIZES

FLOWS = (
    *(CROSS_FRAME, f"{WITHIN_FRAMES} (self too)", "video -> separator (self too)", "separator -> video"),
    *(VIDEO_QUESTION, "question -> question (self too)", QUESTION_LAST, VIDEO_LAST, LAST_LAST),
    *("video -> gap + tail", "question -> tail"),
)
"""The edges that the paper's rule can close, in any of its modes (`workbench.analyses.pathways.closing`), by
flow. A flow that the prompts lack is left out. All other edges, those of the rows before the video among
them, stay open and are counted as open."""

_RANDOM_SIZES = tuple(size for size in SIZES if 0.05 <= size < 1)
"""Sizes of random blocks, beside those of the smallest sets."""


class Contest(NamedTuple):
    """All sets that are tested."""

    tested: tuple[Contender, ...]
    none: str
    """The name in the measurement of the set in which every block is closed."""
    sized: dict[str, list[str]]
    """The names of the sets of the benchmark's sizes, by the order that made them."""


def contest(
    lab: Lab,
    scores: Mapping[Block, float],
    weights: Mapping[Block, float],
    accepted: Sequence[Closed],
    smallest: Mapping[str, Closed],
    paper: Mapping[str, tuple[Cut, ...]],
    seeds: range,
) -> Contest:
    """The untouched model, every block closed, the paper's rule, what the search accepted, the smallest sets,
    circuits of the benchmark's sizes, and random sets with as many edges."""

    def tested(kind: str, name: str, closed: Closed, seed: int | None = None) -> Contender:
        key = f"{kind}: {name}" if seed is None else f"{kind}: {name} ({seed})"
        return Contender(kind, name, lab.closed(key, closed), *([] if seed is None else [seed]))

    every = frozenset(scores)
    none = tested(NONE, "all blocks closed", every)
    found = [Contender("full", "full model", None), none]
    found += [Contender(PAPER, mode, EdgeSet(f"{PAPER}: {mode}", cuts)) for mode, cuts in paper.items()]
    found += [tested(SEARCH, f"step {number}", closed) for number, closed in enumerate(accepted, start=1)]
    found += [tested(SMALLEST, name, closed) for name, closed in smallest.items()]
    sized: dict[str, list[str]] = {}
    for order in ORDERS:
        ranked = _most_needed_first(order, scores, weights)
        circuits = [first_within(ranked, weights, size) for size in SIZES]
        own = [
            tested(RANKED, f"{order}, {size:g}", every - circuit)
            for size, circuit in zip(SIZES, circuits, strict=True)
        ]
        sized[order] = [one.key for one in own]
        found += own
    whole = sum(weights[block] for block in every)
    for seed in seeds:
        for name, closed in smallest.items():
            pool = list(scores)
            if name == BY_HEAD:
                pool = [one for block in pool for one in block.by_head(lab.model.n_heads)]
            edges = whole - sum(weights[block] for block in closed)
            drawn = random_within(pool, weights, edges, seed)
            found.append(tested(RANDOM_BLOCKS, name, frozenset(pool) - drawn, seed))
        for size in _RANDOM_SIZES:
            drawn = random_within(list(scores), weights, size * whole, seed)
            found.append(tested(RANDOM_BLOCKS, f"size {size:g}", every - drawn, seed))
        cuts = {name: lab.closed(name, closed).closed for name, closed in smallest.items()}
        for name, closed in (cuts | dict(paper)).items():
            edges = EdgeSet(f"{RANDOM_EDGES}: {name} ({seed})", closed, seed)
            found.append(Contender(RANDOM_EDGES, name, edges, seed))
    return Contest(tuple(found), none.key, sized)


def _most_needed_first(
    order: str, scores: Mapping[Block, float], weights: Mapping[Block, float]
) -> list[Block]:
    """Blocks by their score per edge, or by its magnitude, from the highest; of equal ones the smaller."""
    sign = abs if order == "magnitude" else float
    return sorted(scores, key=lambda block: (-sign(scores[block]) / weights[block], weights[block]))
