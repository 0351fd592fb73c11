"""Which rows of a prompt belong to which span, as stretches to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.figures.parts.template import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION
from workbench.prompts.partition import row_frames, row_spans

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

KINDS = {
    "system": ("#9a9a9a", 0.35),
    "video": (SKY, 0.5),
    "separator": (BLUE, 0.9),
    "between": (BLUE, 0.3),
    "gap": ("#9a9a9a", 0.15),
    "nonoption": (ORANGE, 0.6),
    "question": (ORANGE, 0.25),
    "true_option": (GREEN, 0.55),
    "false_options": (PURPLE, 0.45),
    "tail": ("#9a9a9a", 0.25),
    "last": (VERMILLION, 0.85),
    "generated": ("#000000", 0.75),
    "other": ("#9a9a9a", 0.1),
}
"""Colour and opacity of each kind of span, in the order of the legend."""


class Segment(NamedTuple):
    """Rows first..last (both included) of one span."""

    span: str
    kind: str
    first: int
    last: int


def segments(layout: TokenLayout) -> list[Segment]:
    """The prompt cut where its spans change, each row in the most telling span that holds it."""
    spans, frames = row_spans(layout), row_frames(layout)
    shown = (spans == "video") & (frames >= 0)
    spans[shown] = [f"frame[{t}]" for t in frames[shown]]
    has_answer = "true_option" in layout
    true_rows = layout["true_option"] if has_answer else ()
    starts = [0, *(np.flatnonzero(spans[1:] != spans[:-1]) + 1).tolist()]
    ends = [*(start - 1 for start in starts[1:]), layout.length - 1]
    found = []
    for first, last in zip(starts, ends, strict=True):
        span = str(spans[first])
        kind = "video" if span.startswith("frame[") else span
        if span.startswith("option["):
            kind = "true_option" if first in true_rows else "false_options"
        found.append(Segment(span, kind, first, last))
    return found
