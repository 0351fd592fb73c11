"""Paired comparisons: two flows of one run, or one flow in two models, on the same samples.

Every sample is its own control. The difference of two changes has a 95% bootstrap interval over samples, and
a p-value that is corrected (Holm) for the number of layers looked at: of all layers of one comparison, wrong
alarms happen in at most 5% of runs in which nothing differs.

What "nothing differs" means: sign flips and signed ranks test whether the differences lie symmetrically
around 0, as they do where both flows do the same. They do not test whether two means are equal: where they
are, and the differences are skewed, many more tests than 5% give p < 0.05 (docs/statistics.md). The interval
is that of the mean.

What rounding does to an answer is as regular as an effect, so differences below it are not tested.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from workbench.errors import RunError, near_matches
from workbench.runs import Run
from workbench.statistics.bootstrap import bootstrap_mean
from workbench.statistics.cautions import ROUNDING, reliability
from workbench.statistics.columns import SWEEP, require_columns
from workbench.statistics.holm import holm
from workbench.statistics.paired import paired_p_values, too_few_pairs
from workbench.statistics.ratios import ratio_of_means
from workbench.statistics.structural import without_structural_zeros

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
    """Two-sided; NaN with fewer than 2 samples, and for a difference within rounding, which is not tested."""
    p_corrected: float
    """Holm's correction over the tested layers of this task and window."""
    first_ratio_of_means: float
    """Change in percent of the mean probability: what tiny p_base cannot blow up."""
    second_ratio_of_means: float
    note: str
    """Why not to trust the row; usually empty."""


DIFFERENCE_COLUMNS = list(Difference._fields)


def compare_flows(
    table: Run | pd.DataFrame,
    first: str,
    second: str,
    *,
    test: str = "sign_flip",
    noise: float | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Two flows of one sweep, layer by layer: does cutting `first` cost more than cutting `second`?

    Args:
        table: a sweep, or its table.
        test: "sign_flip" (the mean of the differences against all, or 9999 random, sign patterns) or
            "wilcoxon" (signed ranks, from scipy). Both ask whether differences are symmetric around 0, not
            whether their mean is 0.
        noise: how far rounding moves a change, in percentage points; mean differences within it are not
            tested. By default what the run measured (`run.noise_percent`); of a table, what float32 leaves.
        seed: draws the intervals and the random sign patterns.

    Columns: `Difference`; `note` says where nothing could have been found, and how many samples it takes.
    Raises RunError for a flow that the table lacks or flows that share no sample, an unknown test, or other
    columns.
    """
    rows = _table_of(table)
    if first == second:
        raise RunError(f"{first!r} is compared with itself. Name two flows.")
    parts = [_of_flow(rows, flow) for flow in (first, second)]
    return _compare(parts[0], parts[1], first, second, test, _noise((table,), noise), seed)


def compare_models(
    first: Run | pd.DataFrame,
    second: Run | pd.DataFrame,
    flow: str,
    *,
    names: tuple[str, str] = ("first", "second"),
    test: str = "sign_flip",
    noise: float | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """One flow in two models of the same depth, layer by layer, on the samples that both sweeps have.

    With `only_correct` sweeps these are the samples that both models answer correctly. Arguments, columns and
    errors as `compare_flows`; the layers are those that both have.
    """
    one, two = (_of_flow(_table_of(run), flow) for run in (first, second))
    return _compare(one, two, *names, test, _noise((first, second), noise), seed)


def _compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    first_name: str,
    second_name: str,
    test: str,
    noise: float,
    seed: int,
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
        made = [
            _row(
                cast(pd.DataFrame, family[family["layer"] == layer]),
                (str(task), str(window), int(layer), first_name, second_name),
                test,
                noise,
                seed,
            )
            for layer in sorted(set(family["layer"]))
        ]
        rows += _corrected(made, noise)
    return pd.DataFrame(rows, columns=pd.Index(DIFFERENCE_COLUMNS))


def _corrected(rows: list[Difference], noise: float) -> list[Difference]:
    """The layers of one task and window, with p-values for all that are tested together."""
    tested = [abs(row.difference) > noise for row in rows]
    corrected = holm([row.p_value if yes else np.nan for row, yes in zip(rows, tested, strict=True)])
    found = []
    for row, yes, p in zip(rows, tested, corrected, strict=True):
        if yes:
            few = too_few_pairs(row.n, sum(tested))
            found.append(row._replace(p_corrected=float(p), note="; ".join(filter(None, (row.note, few)))))
        else:
            found.append(row._replace(p_corrected=row.p_value))
    return found


def _row(
    pairs: pd.DataFrame, place: tuple[str, str, int, str, str], test: str, noise: float, seed: int
) -> Difference:
    one, two = (pairs[f"change_percent_{which}"].to_numpy(np.float64) for which in (1, 2))
    interval = bootstrap_mean(one - two, seed=seed)
    p_base = np.concatenate([pairs[f"p_base_{which}"].to_numpy(np.float64) for which in (1, 2)])
    notes = [reliability(interval.n, float(p_base.min()))]
    p_value = float(paired_p_values(one - two, test=test, seed=seed)[0])
    if abs(interval.mean) <= noise and (one != two).any():  # equal to the last digit needs no test: p is 1
        p_value = float("nan")
        notes.append(f"within rounding ({noise:.2g} points): not tested")
    return Difference(
        *place,
        n=interval.n,
        first_mean=float(one.mean()),
        second_mean=float(two.mean()),
        difference=interval.mean,
        low=interval.low,
        high=interval.high,
        p_value=p_value,
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
    chosen = cast(pd.DataFrame, without_structural_zeros(table)[table["flow"] == flow])
    return cast(pd.DataFrame, chosen[[name for name in _NEEDED if name != "flow"]])


def _table_of(run: Run | pd.DataFrame) -> pd.DataFrame:
    table = run if isinstance(run, pd.DataFrame) else run.table
    require_columns(table, *_NEEDED, remedy=SWEEP)
    if table.empty:
        raise RunError("The table has no rows, so there is nothing to compare. Sweep at least one sample.")
    return table


def _noise(runs: tuple[Run | pd.DataFrame, ...], given: float | None) -> float:
    """Percentage points within which differences are rounding."""
    if given is None:
        return max(ROUNDING if isinstance(run, pd.DataFrame) else run.noise_percent for run in runs)
    if not given >= 0:
        raise RunError(f"noise={given!r}: give percentage points, 0 or more, or nothing.")
    return given
