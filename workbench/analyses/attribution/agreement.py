"""How well estimates agree with exact knockouts, by task, flow and layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.analyses.attribution.cells import ALL_HEADS, VERIFIED
from workbench.errors import RunError
from workbench.statistics.bootstrap import bootstrap_table
from workbench.statistics.columns import require_columns
from workbench.statistics.correlation import shared_top, spearman

ALL = "all"
_KEY = ["method", "level", "task", "flow", "layer"]
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
    """From 1, of all flows; 0 for all layers together."""
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
    ones = pd.DataFrame(
        [row for key, part in known.groupby(["method", "level", "sample_id", "task"], sort=False)
         for row in _of_sample(key, part, top)],
        columns=pd.Index([*_KEY, "cells", "spearman", "magnitude", "confirmed"]),
    )  # fmt: skip
    # Every sample counts for its task, and for all of them.
    tasks: Any = [ones.assign(task=ALL), *([ones] if len(set(ones["task"])) > 1 else [])]
    every = pd.concat(tasks, ignore_index=True)
    found: Any = every.groupby(_KEY, sort=False, as_index=False).agg(cells=("cells", "mean"))
    found = found.assign(cells=found["cells"].round().astype(int), top=top)
    for name, lowest in (("spearman", -1.0), ("magnitude", -1.0), ("confirmed", 0.0)):
        means = bootstrap_table(every, _KEY, name, seed=seed, within=(lowest, 1.0))
        before = "" if name == "spearman" else f"{name}_"
        found = found.assign(
            **{name: means["mean"], f"{before}low": means["low"], f"{before}high": means["high"]},
            **({"samples": means["n"]} if name == "spearman" else {}),
        )
    return found[list(AgreementRow._fields)]


def _of_sample(key: tuple[Any, ...], part: Any, top: int) -> Iterator[tuple[Any, ...]]:
    """One method's marks on one sample: of all cells, of each flow, and of each layer."""
    method, level, _, task = key
    flows, layers = (list(dict.fromkeys(part[name])) for name in ("flow", "layer"))
    places = [
        (ALL, 0),
        *((flow, 0) for flow in flows if len(flows) > 1),
        *((ALL, one) for one in layers if one),
    ]
    for flow, layer in places:
        here = (part["flow"] == flow) if flow != ALL else (part["layer"] == layer) if layer else None
        rows = part if here is None else part[here]
        guess, exact = rows["guess"].to_numpy(), rows["change_log_odds"].to_numpy()
        marks = spearman(guess, exact), spearman(np.abs(guess), np.abs(exact))
        confirmed = float("nan") if layer else shared_top(guess, exact, top)
        yield (method, level, task, flow, layer, len(rows), *marks, confirmed)
