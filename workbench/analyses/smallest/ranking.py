"""Blocks in the order in which they are needed: by measured or estimated scores, and random orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.analyses.smallest.measurement import FULL
from workbench.errors import RunError
from workbench.interventions import Flow
from workbench.interventions.blocks import ALL_HEADS, Block
from workbench.statistics.columns import require_columns

LEAST = 0.01
"""What a block costs at least, of the largest cost."""
_COLUMNS = ("flow", "layer", "head", "estimate")
_REMEDY = "Pass a table of scores with a row a block."
_SELF_TOO = " (self too)"


def read_scores(path: Path) -> pd.DataFrame:
    """A csv table of scores. Raises RunError where it is none: see `given_scores`."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as problem:  # no such file, or no table
        raise RunError(f"scores={str(path)!r} cannot be read: {problem}") from problem
    require_columns(table, *_COLUMNS, remedy=_REMEDY)
    return table


def measured_scores(rows: Any, blocks: Iterable[Block]) -> dict[Block, float]:
    """By how much the mean logit difference falls where a block alone is closed, from rows of `SetRow`."""
    means = rows.groupby("name", sort=False)["logit_difference"].mean()
    return {block: float(means[FULL] - means[str(block)]) for block in blocks}


def given_scores(table: pd.DataFrame, blocks: Iterable[Block]) -> dict[Block, float]:
    """The same from a table with a row a block: flow, layer (from 1), head (from 0; -1 for all), estimate.

    `estimate` is the change of the logit difference where the block is closed, negative where it is needed.
    Rows of one block, of several samples or tasks, are averaged; a block of all heads that has no row is the
    sum of its heads. A flow counts with or without "(self too)". Raises RunError for other columns, or where
    a block has no row.
    """
    require_columns(table, *_COLUMNS, remedy=_REMEDY)
    means: dict[tuple[str, int, int], float] = {}
    grouped: Any = table.groupby(["flow", "layer", "head"], sort=False)["estimate"]
    for (flow, layer, head), part in grouped:
        key = str(Flow.parse(str(flow))).removesuffix(_SELF_TOO), int(layer), int(head)
        means[key] = float(part.mean())
    heads = sorted({head for *_, head in means if head != ALL_HEADS})
    found = {}
    for block in blocks:
        flow = block.flow.removesuffix(_SELF_TOO)
        change = means.get((flow, block.layer, block.head))
        if change is None and block.head == ALL_HEADS and heads:
            each = [means.get((flow, block.layer, head)) for head in heads]
            change = None if None in each else float(np.sum(np.array(each, np.float64)))
        if change is None:
            raise RunError(
                f"The scores have no row for '{block}'. Score every flow, layer and, with heads=True, head "
                "that is searched, or name fewer flows=."
            )
        found[block] = -change
    return found


def least_needed_first(scores: Mapping[Block, float], weights: Mapping[Block, float]) -> list[Block]:
    """Blocks by what closing them costs for each edge that it frees: their score by their edges.

    A score below 1% of the largest counts as that much. It may be noise, and closing costs something in any
    case when much is closed together: so large blocks that seem to do nothing come first, small ones last.
    """
    least = LEAST * max(map(abs, scores.values()), default=0.0)
    return sorted(scores, key=lambda block: max(scores[block], least, 1e-9) / weights[block])


def first_within(ranked: Sequence[Block], weights: Mapping[Block, float], size: float) -> frozenset[Block]:
    """The first blocks, while their edges together are at most the share `size` of all of `ranked`."""
    room = size * sum(weights[block] for block in ranked) * (1 + 1e-9)
    chosen = []
    for block in ranked:
        room -= weights[block]
        if room < 0:
            break
        chosen.append(block)
    return frozenset(chosen)


def random_within(
    blocks: Sequence[Block], weights: Mapping[Block, float], edges: float, seed: int
) -> frozenset[Block]:
    """Blocks in a random order, each taken if it fits, until there is room for no other: at most `edges`, in
    the unit of the weights, and less than the smallest block below."""
    order = np.random.default_rng(seed).permutation(len(blocks))
    room, chosen = edges * (1 + 1e-9), []
    for number in order:
        block = blocks[number]
        if weights[block] <= room:
            room -= weights[block]
            chosen.append(block)
    return frozenset(chosen)
