"""Where recipes print to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table


def say(text: object) -> None:
    """Print a line at once. What a terminal would obey, in a name from data, is written out."""
    print(printable(text), flush=True)


def console() -> Console:
    """Where recipes print to. Tables keep their width in a log file or a pipe."""
    from rich.console import Console

    plain = Console()
    return plain if plain.is_terminal else Console(width=max(plain.width, 140))


def frame_shown(table: pd.DataFrame, title: str, digits: int = 2) -> Table:
    """A data frame for the console, fractions with so many digits. Names in it are only text."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=title, box=box.SIMPLE_HEAD)
    for name in table.columns:
        shown.add_column(Text(str(name)), overflow="fold")
    for row in table.itertuples(index=False):
        shown.add_row(*(Text(_text(value, digits)) for value in row))
    return shown


def _text(value: Any, digits: int) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.{digits}f}"
    return str(value)
