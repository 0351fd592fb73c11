"""Where the rows of a prompt lie, row by row: the cell of the video, or the span of the text."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.models.hooks.cache import PosSlice, positions
from workbench.prompts.layout import TokenLayout


class RowPlace(NamedTuple):
    """One row of a prompt. Everything counts from 0, as in `layout[...]`."""

    row: int
    span: str
    """ "cell[2,0,5]", "separator", "option[A]", "nonoption", "last", .. : the narrowest that holds it."""
    frame: int | None
    """None outside the video's frames."""
    cell_row: int | None
    cell_column: int | None
    prompt_token: str
    """The token that stands there; empty where the layout does not know."""


def chosen_rows(rows: PosSlice, layout: TokenLayout) -> np.ndarray:
    """Row numbers (int64, from 0) of a span, a row, a slice or a list of rows.

    Raises SpanError, HookError for what the prompt does not have.
    """
    found = positions(rows, layout)
    everything = np.arange(layout.length)
    if found is None:
        return everything
    return np.atleast_1d(everything[found])


def row_places(layout: TokenLayout) -> list[RowPlace]:
    """The place of every row of a prompt."""
    spans = ["?"] * layout.length
    cells: dict[int, tuple[int, int | None, int | None]] = {}
    # From wide to narrow: what comes later is what a row is called.
    options = sorted(name for name in layout.spans if name.startswith("option["))
    for name in ("text", "system", "gap", "tail", "video", "question", "nonoption", *options, "generated"):
        for row in layout.spans.get(name, ()):
            spans[row] = name
    separators = layout.spans["separator"]
    for t, unit in enumerate(layout.frames):
        inside = np.setdiff1d(unit, separators)
        for number, row in enumerate(inside.tolist()):
            if layout.grid is None:
                spans[row], cells[row] = f"frame[{t}]", (t, None, None)
            else:
                i, j = divmod(number, layout.grid[1])
                spans[row], cells[row] = f"cell[{t},{i},{j}]", (t, i, j)
    for name in ("separator", "last"):
        for row in layout.spans[name]:
            spans[row] = name
    nowhere = (None, None, None)
    return [
        RowPlace(row, spans[row], *cells.get(row, nowhere), layout.tokens[row] if layout.tokens else "")
        for row in range(layout.length)
    ]
