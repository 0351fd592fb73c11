"""Commands as a person gives them."""

from __future__ import annotations

import sys

from workbench.cli import main


def command(*words: str) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "workbench", *words]


def status(*words: str) -> int:
    """The exit status of a command; what the parser refuses leaves by SystemExit."""
    try:
        return main(list(words))
    except SystemExit as stopped:
        return int(stopped.code or 0)
