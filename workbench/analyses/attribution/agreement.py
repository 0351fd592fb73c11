"""How well estimates agree with exact knockouts, by task, flow and layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.analyses.attribution.cells import ALL_HEADS, VERIFIED
from workbench.errors import RunError
from workbench.statistics.bootstrap import bootstrap_mean
from workbench.statistics.columns import require_columns
from workbench.statistics.correlation import mean_spearman, shared_top

ALL = "all"
NOTHING = 1e-4
"""Change of log-odds that rounding in float32 makes of nothing."""


class AgreementRow(NamedTuple):
    """One method on some of the cells: correlations within a sample, and their mean over samples."""

    method: str
    level: str
    """ "head": cells are (flow, layer, head); "layer": (flow, layer), all heads together."""
    task: str
    """ "all" for the samples of all tasks."""
    flow: str
    """ "all" for all flows together."""
    layer: int
    """From 1; 0 for all layers together."""
    samples: int
    """In which the correlation exists."""
    cells: int
    """Of a sample; a mean."""
    spearman: float
    """Spearman's rho of estimated and exact change of the log-odds, mean over samples."""
    low: float
    high: float
    """Ends of its 95% interval."""
    magnitude: float
    """The same of their sizes, signs left aside."""
    magnitude_low: float
    magnitude_high: float
    top: int
    """Cells that are compared by `confirmed`."""
    confirmed: float
    """Of the `top` largest estimates by size, the share among the `top` largest exact effects; NaN where a
    sample has fewer cells, or does not ask of all layers."""
    confirmed_low: float
    confirmed_high: float


def agreement_table(table: pd.DataFrame, *, top: int = 10, seed: int = 0) -> pd.DataFrame:
    """Agreement of each method with exact knockouts, over the verified rows of `wb.attribute`'s table.

    Log-odds are compared: within a sample they are in the same order as probabilities, and do not round to
    the same near 1. A cell whose estimate is exactly 0 and whose effect is below `NOTHING` is left out:
    nothing was there to cut, or what is cut reaches no answer. Columns: `AgreementRow`. Raises RunError where
    nothing is verified.
    """
    needed = ("sample_id", "task", "flow", "layer", "head", "method", "estimate", "status", "change_log_odds")
    require_columns(table, *needed, "estimate_log_odds", remedy="Pass the table of wb.attribute(..).")
    known: Any = table[table["status"] == VERIFIED].copy()
    if known.empty:
        raise RunError(
            "No row is verified, so there is nothing to compare with. Call result.verify(top=None)."
        )
    known["guess"] = known["estimate_log_odds"].fillna(known["estimate"])
    known = known[(known["guess"] != 0) | (known["change_log_odds"].abs() > NOTHING)]
    known["level"] = np.where(known["head"] == ALL_HEADS, "layer", "head")
    rows = [row for (method, level), part in known.groupby(["method", "level"], sort=False)
            for row in _rows(str(method), str(level), part, top, seed)]  # fmt: skip
    return pd.DataFrame(rows, columns=pd.Index(AgreementRow._fields))


def _rows(method: str, level: str, part: Any, top: int, seed: int) -> Iterator[AgreementRow]:
    flows, tasks = (list(dict.fromkeys(part[column])) for column in ("flow", "task"))
    for task in [ALL, *(tasks if len(tasks) > 1 else ())]:
        of_task = part if task == ALL else part[part["task"] == task]
        for flow in [ALL, *(flows if len(flows) > 1 else ())]:
            of_flow = of_task if flow == ALL else of_task[of_task["flow"] == flow]
            for layer in [0, *sorted(set(of_flow["layer"]) - {0})]:
                here = of_flow if layer == 0 else of_flow[of_flow["layer"] == layer]
                yield _row((method, level, task, flow, layer), here, top, seed)


def _row(key: tuple[Any, ...], here: Any, top: int, seed: int) -> AgreementRow:
    pairs = [
        (one["guess"].to_numpy(), one["change_log_odds"].to_numpy())
        for _, one in here.groupby("sample_id", sort=False)
    ]
    signed = mean_spearman(pairs, seed=seed)
    sizes = mean_spearman([(np.abs(one), np.abs(other)) for one, other in pairs], seed=seed)
    asked = key[-1] == 0
    shares = [shared_top(*pair, top) if asked else float("nan") for pair in pairs]
    confirmed = bootstrap_mean(shares, seed=seed, within=(0.0, 1.0))
    cells = round(float(np.mean([len(one) for one, _ in pairs]))) if pairs else 0
    method, level, task, flow, layer = key
    return AgreementRow(
        *(method, level, task, flow, layer),
        samples=signed.n,
        cells=cells,
        spearman=signed.mean,
        low=signed.low,
        high=signed.high,
        magnitude=sizes.mean,
        magnitude_low=sizes.low,
        magnitude_high=sizes.high,
        top=top,
        confirmed=confirmed.mean,
        confirmed_low=confirmed.low,
        confirmed_high=confirmed.high,
    )
