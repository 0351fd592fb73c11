"""Which rows of a sweep's table a figure shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import pandas as pd

from workbench.errors import FlowError, RunError, near_matches
from workbench.interventions import Flow, series_of
from workbench.statistics.columns import SWEEP, require_columns
from workbench.statistics.curves import is_summary


def select(
    table: pd.DataFrame,
    *,
    tasks: str | Iterable[str] | None = None,
    flows: Any = None,
    window: Any = None,
) -> pd.DataFrame:
    """The rows of these tasks, flows and window, tasks and flows in the order asked for: of a sweep's table,
    or of its summary.

    The rows get a column `series`: the curve that their window belongs to. Raises RunError for a name that
    the table does not hold.
    """
    number = "n" if is_summary(table) else "change_percent"
    require_columns(table, "task", "flow", "window", "layer", number, remedy=SWEEP)
    if table.empty:
        raise RunError("The table has no rows, so there is nothing to draw. Sweep at least one sample.")
    chosen = table.assign(series=table["window"].map(series_of))
    order: dict[str, dict[str, int]] = {}
    for column, asked in (("task", tasks), ("flow", flows), ("series", window)):
        known = chosen[column].unique().tolist()
        if asked is None:
            wanted = known
        else:
            names = [asked] if isinstance(asked, str) or not isinstance(asked, Iterable) else list(asked)
            wanted = list(dict.fromkeys(_spelled(str(name), known, column) for name in names))
            if not wanted:
                raise RunError(
                    f"No {column} was asked for. Name at least one, or leave the argument away for all."
                )
        order[column] = {name: place for place, name in enumerate(wanted)}
    kept = chosen["task"].isin(list(order["task"])) & chosen["flow"].isin(list(order["flow"]))
    chosen = chosen[kept & chosen["series"].isin(list(order["series"]))]
    if chosen.empty:
        raise RunError("No row of the table has all of these: the tasks, flows and window asked for.")
    given = np.asarray(chosen[number], np.float64)
    if not (given if number == "n" else np.isfinite(given)).any():
        raise RunError(
            "No row has a finite change_percent, so there is nothing to draw. Is p_base 0 everywhere?"
        )
    ranks = [[order[column][name] for name in chosen[column]] for column in ("flow", "task")]
    return cast(pd.DataFrame, chosen.iloc[np.lexsort(ranks)])


def _spelled(name: str, known: list[str], column: str) -> str:
    """`name` as the table spells it."""
    for entry in known:
        if entry == name or "".join(entry.split()) == "".join(name.split()):
            return entry
    if column == "task":
        for entry in known:
            if entry.replace("_", " ").lower() == name.replace("_", " ").lower():
                return entry
    if column == "series" and series_of(name) in known:
        return series_of(name)
    if column == "flow":
        with contextlib.suppress(FlowError):  # other names of a flow, such as "cross-frame"
            if (canonical := str(Flow.parse(name))) in known:
                return canonical
    label = "window" if column == "series" else column
    raise RunError(
        f"The table has no {label} {name!r}. It has {', '.join(map(repr, known))}.{near_matches(name, known)}"
    )
