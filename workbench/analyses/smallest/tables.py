"""Tables of the smallest pathway: every tested set with its intervals, the faithfulness curve, the blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.analyses.smallest.measurement import FULL, EdgeSet
from workbench.analyses.smallest.search import Step
from workbench.data.sample import ALL_TASKS
from workbench.interventions.blocks import Block
from workbench.statistics.bootstrap import bootstrap_mean
from workbench.statistics.faithfulness import SIZES, faithfulness
from workbench.statistics.proportions import difference_of_shares, wilson

NONE, PAPER, SEARCH, SMALLEST, RANKED = "none", "paper", "search", "smallest", "ranked"
RANDOM_BLOCKS, RANDOM_EDGES = "random blocks", "random edges"
"""Kinds of tested sets, beside "full"."""
BY_LAYER, BY_HEAD = "flow x layer", "flow x layer x head"
"""Names of the smallest sets."""
ORDERS = ("score", "magnitude")
"""What circuits of the benchmark's sizes take first: the highest scores, or the largest of any sign."""
ALL_SEEDS = -1
COLUMNS = (
    *("task", "kind", "name", "seed", "samples", "accuracy_percent", "low_percent", "high_percent"),
    *("lost_points", "lost_low", "lost_high", "logit_difference", "edges_percent"),
)


class Contender(NamedTuple):
    """A set of edges that the test half is asked with."""

    kind: str
    name: str
    """Of a random control: the name of the set that has as many edges."""
    edges: EdgeSet | None
    """None closes nothing."""
    seed: int = ALL_SEEDS

    @property
    def key(self) -> str:
        """Its name in the measurement."""
        return FULL if self.edges is None else self.edges.name


def contender_table(rows: Any, tested: Sequence[Contender], *, seed: int) -> pd.DataFrame:
    """A row a task (and all together), kind, name and seed, from rows of `SetRow`; see `SmallestPathway`."""
    tasks = list(dict.fromkeys(rows["task"]))
    groups = [(task, rows[rows["task"] == task]) for task in tasks]
    if len(tasks) > 1:
        groups.append((ALL_TASKS, rows))
    found = []
    for task, group in groups:
        by_key = {str(key): part for key, part in group.groupby("name", sort=False)}
        full = by_key[FULL].set_index("sample_id")["correct"].astype(float)
        for kind, name in dict.fromkeys((one.kind, one.name) for one in tested):
            own = [one for one in tested if (one.kind, one.name) == (kind, name) and one.key in by_key]
            if any(one.seed != ALL_SEEDS for one in own):
                together = pd.concat([by_key[one.key] for one in own])
                found.append((task, kind, name, ALL_SEEDS, *_numbers(together, full, seed)))
            found += [(task, kind, name, one.seed, *_numbers(by_key[one.key], full, seed)) for one in own]
    return pd.DataFrame(found, columns=pd.Index(COLUMNS))


def _numbers(part: Any, full: Any, seed: int) -> tuple[float, ...]:
    """The columns from `samples` on."""
    shares = part["correct"].astype(float).groupby(part["sample_id"], sort=False).mean()
    change = np.asarray(full.reindex(shares.index) - shares, np.float64)
    if bool(np.isin(shares.to_numpy(np.float64), (0.0, 1.0)).all()):
        share, lost = wilson(int(shares.sum()), len(shares)), difference_of_shares(change)
    else:  # of several draws, a sample is right in some
        share = bootstrap_mean(shares.to_numpy(), seed=seed, within=(0.0, 1.0))
        lost = bootstrap_mean(change, seed=seed, within=(-1.0, 1.0))
    if part["name"].iloc[0] == FULL:
        lost = lost._replace(low=0.0, high=0.0)
    kept, all_edges = (float(part[name].to_numpy(np.float64).mean()) for name in ("edges_kept", "edges_full"))
    return (
        len(shares),
        *(100 * value for value in share[:3]),
        *(100 * value for value in lost[:3]),
        float(part["logit_difference"].to_numpy(np.float64).mean()),
        100 * kept / all_edges,
    )


def faithful_tables(
    rows: Any, keys: Mapping[str, Sequence[str]], none: str, *, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The faithfulness curve (order, size, edges_percent, faithfulness, low, high) and the areas (order,
    area, value, low, high). `keys`: for each order the sets of the benchmark's sizes; `none`: that without
    any block. Raises RunError as `statistics.faithfulness`."""
    wide = rows.pivot(index="sample_id", columns="name", values="logit_difference")
    kept = rows["edges_kept"].groupby(rows["name"], sort=False).mean()
    whole = float(rows["edges_full"].to_numpy(np.float64).mean())
    curve, areas = [], []
    for order, names in keys.items():
        metric, full, nothing = (wide[part].to_numpy(np.float64) for part in (list(names), FULL, none))
        found = faithfulness(metric, full, nothing, seed=seed)
        curve += [
            (order, size, 100 * float(kept[name]) / whole, *point)
            for size, name, point in zip(SIZES, names, found.curve, strict=True)
        ]
        areas += [(order, "CPR", *found.cpr), (order, "CMD", *found.cmd)]
    return (
        pd.DataFrame(
            curve, columns=pd.Index(["order", "size", "edges_percent", "faithfulness", "low", "high"])
        ),
        pd.DataFrame(areas, columns=pd.Index(["order", "area", "value", "low", "high"])),
    )


def block_table(
    scores: Mapping[Block, float], weights: Mapping[Block, float], closed: frozenset[Block], n_heads: int
) -> pd.DataFrame:
    """A row a flow and layer: flow, layer, score, edges_percent, heads_open (a number), heads ("0,3")."""
    rows = []
    for block, score in scores.items():
        heads = [] if block in closed else [one.head for one in block.by_head(n_heads) if one not in closed]
        shown = ",".join(map(str, heads))
        rows.append((block.flow, block.layer, score, 100 * weights[block], len(heads), shown))
    columns = ["flow", "layer", "score", "edges_percent", "heads_open", "heads"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def step_table(steps: Sequence[Step], weights: Mapping[Block, float]) -> pd.DataFrame:
    """A row a candidate of the search, in order: phase, edges_percent (left open), samples, accuracy_percent,
    logit_difference, accepted; all of the samples of the search half that were asked."""
    rows = [
        (
            step.phase,
            100 * (1 - sum(weights[block] for block in step.closed)),
            step.judged.samples,
            100 * step.judged.right / step.judged.samples,
            step.judged.metric,
            step.accepted,
        )
        for step in steps
    ]
    columns = ["phase", "edges_percent", "samples", "accuracy_percent", "logit_difference", "accepted"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def all_weights(
    shares: Mapping[str, float], n_layers: int, n_heads: int
) -> tuple[list[Block], dict[Block, float]]:
    """Every block of all heads; and the share of the model's edges of these and of single heads' blocks.
    `shares`: of each flow, in one layer and head."""
    blocks = [Block(flow, layer) for flow in shares for layer in range(1, n_layers + 1)]
    weights = {block: shares[block.flow] * n_heads for block in blocks}
    weights |= {one: shares[one.flow] for block in blocks for one in block.by_head(n_heads)}
    return blocks, weights
