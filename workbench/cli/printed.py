"""Tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table without lines."""
    from rich.table import Table
    from rich.text import Text

    from workbench.recipe import console

    table = Table(box=None, pad_edge=False, show_header=True)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)
