"""Tables for notebooks, pages and terminals. Names from data become text here, and nowhere else.

`markupsafe` marks what is HTML already: everything that is not `Markup` is escaped where it meets `Markup`.
Templates (`workbench/pages/html.py`) follow the same rule.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from workbench.errors import printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.text import Text


def table_html(
    table: pd.DataFrame, caption: str = "", *, cell: Callable[[Any], Any] = lambda value: value
) -> str:
    """A table with a caption below. Cells, column names and caption are text.

    `cell` says how a value is shown; what it gives is text, too, unless it is `Markup`. Numbers are left to
    pandas, which writes a column with equal digits.
    """

    def escaped(value: Any) -> Any:
        shown = cell(value)
        return shown if isinstance(shown, Number) else str(escape(shown))

    rows = table.map(escaped).rename(columns=lambda name: str(escape(name)))
    below = Markup("<p>{}</p>").format(caption) if caption else ""
    return rows.to_html(index=False, escape=False, border=0) + str(below)


def as_text(value: object) -> Text:
    """A name for a table of rich: neither its markup ("[bold]") nor a terminal takes it for an order."""
    from rich.text import Text

    return Text(printable(value))
