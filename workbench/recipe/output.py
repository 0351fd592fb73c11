"""Where recipes print to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.errors import printable

if TYPE_CHECKING:
    from rich.console import Console


def say(text: object) -> None:
    """Print a line at once. What a terminal would obey, in a name from data, is written out."""
    print(printable(text), flush=True)


def console() -> Console:
    """Where recipes print to. Tables keep their width in a log file or a pipe."""
    from rich.console import Console

    plain = Console()
    return plain if plain.is_terminal else Console(width=max(plain.width, 140))
