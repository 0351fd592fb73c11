"""The one partition of a prompt's rows: the narrowest span that holds each, its frame, and its cell.

From wide to narrow: `other`, `system`, `gap`, `tail`, `video`, `question`, `nonoption`, an option,
`generated`, `separator`, `between`, `last`. Rows of the video that show a frame are then called by the frame
or cell.

Axes: s row of the prompt, n row of a span.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workbench.prompts.layout import TokenLayout
from workbench.shapes import Int, Shaped, shaped

_WIDE = ("system", "gap", "tail", "video", "question", "nonoption")
_NARROW = ("generated", "separator", "between", "last")
OTHER = "other"
"""Rows that no span holds, such as a stretch of the video that its author left out."""


class RowPlace(NamedTuple):
    """One row of a prompt. Everything counts from 0, as in `layout[...]`."""

    row: int
    span: str
    """ "cell[2,0,5]", "separator", "option[A]", "nonoption", "last", .. : the narrowest that holds it."""
    frame: int | None
    """None outside the video's frames, for separators and for text between frames."""
    cell_row: int | None
    cell_column: int | None
    prompt_token: str
    """The token that stands there; empty where the layout does not know."""


@shaped
def row_spans(layout: TokenLayout) -> Shaped[np.ndarray, " s"]:
    """Names, dtype object: the narrowest span of each row. Rows of frames are "video" here."""
    spans = np.full(layout.length, OTHER, dtype=object)
    options = sorted(name for name in layout.spans if name.startswith("option["))
    for name in (*_WIDE, *options, *_NARROW):
        if name in layout.spans:
            spans[layout.spans[name]] = name
    return spans


@shaped
def row_frames(layout: TokenLayout) -> Int[np.ndarray, " s"]:
    """The frame of each row, with the separators and the text that the layout counts to it; -1 outside."""
    frames = np.full(layout.length, -1)
    for t, unit in enumerate(layout.frames):
        frames[unit] = t
    return frames


def row_places(layout: TokenLayout) -> list[RowPlace]:
    """The place of every row of a prompt."""
    cells = layout.cells
    places = {} if cells is None else dict(zip(cells.flat, np.ndindex(cells.shape), strict=True))
    no_picture = {*layout.spans["separator"].tolist(), *layout.spans["between"].tolist()}
    found = []
    for row, (span, t) in enumerate(zip(row_spans(layout), row_frames(layout).tolist(), strict=True)):
        frame = None if t < 0 or row in no_picture else t
        _, i, j = places.get(row, (None, None, None))
        if span == "video" and frame is not None:
            span = f"frame[{t}]" if i is None else f"cell[{t},{i},{j}]"
        found.append(RowPlace(row, str(span), frame, i, j, layout.tokens[row] if layout.tokens else ""))
    return found


def cell_of(layout: TokenLayout, row: int) -> str:
    """The cell that a row is, as a span; empty where it is none."""
    found = [] if layout.cells is None else np.argwhere(layout.cells == row).tolist()
    return f"cell[{','.join(map(str, found[0]))}]" if found else ""


@shaped
def disjoint_spans(layout: TokenLayout) -> dict[str, Int[np.ndarray, " n"]]:
    """All rows of a prompt, each in one span: system, frame[0].., separator, between, gap, option[A]..,
    nonoption, question (what is left of it), tail, generated, last. In the order of their first rows; spans
    without rows are left out. What the layout counts to a frame is in that frame."""
    names, frames = row_spans(layout), row_frames(layout)
    shown = (frames >= 0) & np.isin(names, ["video", "separator", "between"])
    names[shown] = [f"frame[{t}]" for t in frames[shown]]
    return {name: np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())}
