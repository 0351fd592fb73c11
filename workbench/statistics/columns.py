"""Whether a table has the columns that are read from it."""

from __future__ import annotations

import pandas as pd

from workbench.errors import RunError

SWEEP = "Pass the table of a sweep (run.table)."
"""The remedy where columns of a sweep are missing."""


def require_columns(table: pd.DataFrame, *names: str, remedy: str, what: str = "The table") -> None:
    """Raise RunError where `table` lacks some of these columns: which ones, what it has, and the `remedy`.

    The remedy is a sentence, for example "Pass the table of a sweep (run.table)."; `what` names the table.
    """
    missing = [name for name in names if name not in table]
    if missing:
        raise RunError(
            f"{what} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}; it has "
            f"{', '.join(map(str, table.columns)) or 'none'}. {remedy}"
        )
