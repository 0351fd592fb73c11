"""Paired comparisons: two flows of one run, or one flow in two models, on the same samples.

Every sample is its own control. The difference of two changes has a 95% bootstrap interval over samples, and
a p-value that is corrected (Holm) for the number of layers looked at: of all layers of one comparison, wrong
alarms happen in at most 5% of runs in which nothing differs.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from workbench.errors import RunError, near_matches
from workbench.statistics.bootstrap import bootstrap_mean
from workbench.statistics.cautions import reliability
from workbench.statistics.columns import SWEEP, require_columns
from workbench.statistics.holm import holm
from workbench.statistics.paired import paired_p_values, too_few_pairs
from workbench.statistics.ratios import ratio_of_means

PLACE = ["task", "window", "layer"]
"""Columns that name one comparison."""
_NEEDED = ["sample_id", "task", "flow", "window", "layer", "change_percent", "p_base", "p_knockout"]


class Difference(NamedTuple):
    """One row of a comparison: one task, window and layer."""

    task: str
    window: str
    layer: int
    first: str
    """What is compared: a flow, or a model."""
    second: str
    n: int
    """Samples that both have."""
    first_mean: float
    """Mean change in percent."""
    second_mean: float
    difference: float
    """first_mean - second_mean, in percentage points: below 0 where the first loses more."""
    low: float
    high: float
    """Ends of its 95% bootstrap interval over samples."""
    p_value: float
    """Two-sided; NaN with fewer than 2 samples."""
    p_corrected: float
    """Holm's correction over the layers of this task and window."""
    first_ratio_of_means: float
    """Change in percent of the mean probability: what tiny p_base cannot blow up."""
    second_ratio_of_means: float
    note: str
    """Why not to trust the row; usually empty."""


DIFFERENCE_COLUMNS = list(Difference._fields)


def compare_flows(
    table: pd.DataFrame, first: str, second: str, *, test: str = "sign_flip", seed: int = 0
) -> pd.DataFrame:
    """Two flows of one sweep, layer by layer: does cutting `first` cost more than cutting `second`?

    `table` is that of a sweep. Columns: `Difference`. `test` is "sign_flip" (the mean of the differences
    against all, or 9999 random, sign patterns) or "wilcoxon" (signed ranks, from scipy). Raises RunError for
    a flow that the table lacks or flows that share no sample, an unknown test, or other columns.
    """
    _check(table)
    if first == second:
        raise RunError(f"{first!r} is compared with itself. Name two flows.")
    parts = [_of_flow(table, flow) for flow in (first, second)]
    return _compare(parts[0], parts[1], first, second, test, seed)


def compare_models(
    first: pd.DataFrame,
    second: pd.DataFrame,
    flow: str,
    *,
    names: tuple[str, str] = ("first", "second"),
    test: str = "sign_flip",
    seed: int = 0,
) -> pd.DataFrame:
    """One flow in two models of the same depth, layer by layer, on the samples that both tables have.

    With `only_correct` sweeps these are the samples that both models answer correctly. Columns and errors as
    `compare_flows`; the layers are those that both have.
    """
    for table in (first, second):
        _check(table)
    return _compare(_of_flow(first, flow), _of_flow(second, flow), *names, test, seed)


def _compare(
    first: pd.DataFrame, second: pd.DataFrame, first_name: str, second_name: str, test: str, seed: int
) -> pd.DataFrame:
    both = first.merge(second, on=["sample_id", *PLACE], suffixes=("_1", "_2"), validate="one_to_one")
    finite = np.isfinite(both["change_percent_1"]) & np.isfinite(both["change_percent_2"])
    both = cast(pd.DataFrame, both[finite])
    if both.empty:
        raise RunError(
            f"{first_name!r} and {second_name!r} share no sample, window and layer, so they cannot be "
            "paired. Sweep the same samples with the same window."
        )
    rows: list[Difference] = []
    for task, window in dict.fromkeys(zip(both["task"], both["window"], strict=True)):
        family = cast(pd.DataFrame, both[(both["task"] == task) & (both["window"] == window)])
        layers = sorted(set(family["layer"]))
        made = [
            _row(
                cast(pd.DataFrame, family[family["layer"] == layer]),
                (str(task), str(window), int(layer), first_name, second_name),
                test,
                seed,
            )
            for layer in layers
        ]
        corrected = holm([row.p_value for row in made])
        rows += [row._replace(p_corrected=float(p)) for row, p in zip(made, corrected, strict=True)]
    return pd.DataFrame(rows, columns=pd.Index(DIFFERENCE_COLUMNS))


def _row(pairs: pd.DataFrame, place: tuple[str, str, int, str, str], test: str, seed: int) -> Difference:
    one, two = (pairs[f"change_percent_{which}"].to_numpy(np.float64) for which in (1, 2))
    interval = bootstrap_mean(one - two, seed=seed)
    p_base = np.concatenate([pairs[f"p_base_{which}"].to_numpy(np.float64) for which in (1, 2)])
    notes = [reliability(interval.n, float(p_base.min())), too_few_pairs(interval.n)]
    return Difference(
        *place,
        n=interval.n,
        first_mean=float(one.mean()),
        second_mean=float(two.mean()),
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        p_value=float(paired_p_values(one - two, test=test, seed=seed)[0]),
        p_corrected=float("nan"),
        first_ratio_of_means=_ratio_of_means(pairs, 1),
        second_ratio_of_means=_ratio_of_means(pairs, 2),
        note="; ".join(filter(None, notes)),
    )


def _ratio_of_means(pairs: pd.DataFrame, which: int) -> float:
    base, knocked = (pairs[f"{name}_{which}"].to_numpy(np.float64).sum() for name in ("p_base", "p_knockout"))
    return float(ratio_of_means(base, knocked))


def _of_flow(table: pd.DataFrame, flow: str) -> pd.DataFrame:
    known = list(dict.fromkeys(table["flow"]))
    if flow not in known:
        raise RunError(
            f"The table has no flow {flow!r}. It has {', '.join(map(repr, known))}."
            f"{near_matches(flow, known)}"
        )
    chosen = cast(pd.DataFrame, table[table["flow"] == flow])
    return cast(pd.DataFrame, chosen[[name for name in _NEEDED if name != "flow"]])


def _check(table: pd.DataFrame) -> None:
    require_columns(table, *_NEEDED, remedy=SWEEP)
    if table.empty:
        raise RunError("The table has no rows, so there is nothing to compare. Sweep at least one sample.")
