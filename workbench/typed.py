"""What a person types, bounded before it is taken apart: spans, flows, windows, samplings."""

from __future__ import annotations

from workbench.errors import WorkbenchError, shown

MOST_LETTERS = 10_000
"""Length of an expression; a union of 700 cells fits in."""
HIGHEST = 10**9 - 1
"""The highest number in an expression: layers, heads, frames, cells. Patterns say it as nine digits."""


def typed(text: object, what: str, how: str, *, error: type[WorkbenchError]) -> str:
    """`text` with every run of white space as one space, and none at its ends.

    Raises `error` for what is no text, or too long: `what` it should be ("window"), and `how` to write it.
    """
    if not isinstance(text, str):
        raise error(f"{shown(text)} is no {what}. {how}")
    if len(text) > MOST_LETTERS:
        raise error(
            f"{shown(text)} has {len(text):,} characters; a {what} has at most {MOST_LETTERS:,}. {how}"
        )
    return " ".join(text.split())
