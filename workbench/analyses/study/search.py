"""The best exit and frame-local layers under an accuracy floor: chosen on one half, told on the other.

What is chosen on some samples looks better on them than it is. Every second sample of each task chooses, the
others are asked what the choice loses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from workbench.analyses.study.cases import UNTOUCHED, Case
from workbench.analyses.study.shares import case_shares
from workbench.errors import RunError
from workbench.statistics.cautions import FEW_SAMPLES
from workbench.statistics.proportions import difference_of_shares


class Found(NamedTuple):
    """What was chosen, and what the other half says."""

    case: str
    """The cheapest case within the floor on the choosing half; "untouched" where none is."""
    chosen_lost: float
    """Points that it loses on the half that chose it."""
    held_out_lost: float
    """On the other half, with the ends of its 95% interval (Zou and Donner, paired)."""
    held_out_low: float
    held_out_high: float
    samples: int
    """Of the other half."""
    note: str
    """Why the set is too small to tell, or that the floor does not hold; usually empty."""


def halves(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of every second sample of each task, from the first, and of the others."""
    ids = table.drop_duplicates("sample_id")
    place = ids.groupby("task", sort=False).cumcount()
    first = {sample for sample, at in zip(ids["sample_id"], place, strict=True) if at % 2 == 0}
    mine = table["sample_id"].isin(list(first)).to_numpy(bool)
    return table.loc[mine], table.loc[~mine]


PRICES = ("prefill_percent", "flops_percent", "pairs_percent", "kv_percent")
"""Columns of costs that may be what is to be small."""


def choose_case(
    table: pd.DataFrame, costs: pd.DataFrame, *, floor_points: float = 2.0, by: str = "prefill_percent"
) -> Found:
    """The cheapest case that loses at most `floor_points` on one half of the samples, judged on the other.

    `table` is that of a study, `costs` that of `costs(..)`; `by` is the column that is to be small. Raises
    RunError where the halves are empty or no case has a cost.
    """
    choosing, asked = halves(table)
    if choosing.empty or asked.empty:
        raise RunError("One sample cannot be halved. Use two or more of a task.")
    price = {row["case"]: float(row[by]) for row in costs.to_dict("records")}
    lost = {row["case"]: float(row["lost_points"]) for row in case_shares(choosing, {}).to_dict("records")}
    within = [name for name in price if name in lost and lost[name] <= floor_points + 1e-9]
    if not within:
        raise RunError("No case of the study has a cost. Measure the costs of the same cases.")
    name = min(within, key=price.__getitem__)
    other = _lost(asked, name)
    n = len(set(asked["sample_id"]))
    return Found(name, lost[name], *other, n, _note(other, n, floor_points, name))


def on_front(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which points (cost, accuracy) no other beats: none costs at most as much and is at least as accurate,
    and better in one of them."""
    return [
        not any(cost <= mine[0] and right >= mine[1] and (cost, right) != mine for cost, right in points)
        for mine in points
    ]


def search_table(table: pd.DataFrame, costs: pd.DataFrame, cases: Sequence[Case]) -> pd.DataFrame:
    """Every case on all samples with its cost, the columns of `case_shares` and of `costs`, and whether it is
    on the Pareto front of `prefill_percent` against accuracy."""
    known = {UNTOUCHED, *(case.name for case in cases)}
    shares = case_shares(table, {})
    both = shares.loc[shares["case"].isin(list(known)).to_numpy(bool)].merge(costs, on="case")
    front = on_front(list(zip(both["prefill_percent"], both["accuracy_percent"], strict=True)))
    return both.assign(on_front=front)


def _lost(table: pd.DataFrame, case: str) -> tuple[float, float, float]:
    wide = table.loc[table["case"].isin([case, UNTOUCHED]).to_numpy(bool)].pivot(
        index="sample_id", columns="case", values="correct"
    )
    changes = wide[UNTOUCHED].to_numpy(np.int64) - wide[case].to_numpy(np.int64)
    found = difference_of_shares(changes)
    return cast(tuple[float, float, float], tuple(100 * value for value in found[:3]))


def _note(lost: tuple[float, float, float], n: int, floor_points: float, name: str) -> str:
    if name == UNTOUCHED:
        return "no case stays within the floor on the choosing half"
    if n >= FEW_SAMPLES and lost[1] > floor_points:
        return "the floor does not hold on the other half"
    if n < FEW_SAMPLES or lost[2] > floor_points:
        # With no change at all the interval of n samples is Wilson's of none: it ends at z^2 / (n + z^2).
        needed = math.ceil(1.96**2 * (100 / floor_points - 1)) if floor_points > 0 else 0
        least = f": even without a loss, {needed} are needed" if n < needed else ""
        return f"{n} samples are too few to tell whether less than {floor_points:g} points are lost{least}"
    return ""
