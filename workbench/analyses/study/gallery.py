"""A layout small enough to draw its masks, and what each mask leaves (An Empirical Study, Fig. 2)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workbench.errors import SpanError
from workbench.interventions import Flow
from workbench.interventions.counts import full_edges
from workbench.prompts.layout import TokenLayout

SYSTEM, QUESTION = 2, 4


def small_layout(frames: int = 3, rows_a_frame: int = 4) -> TokenLayout:
    """Two rows before the video, some frames, and four rows of a question, of which the last is `last`.

    Raises SpanError for no frame or no row.
    """
    if frames < 1 or rows_a_frame < 1:
        raise SpanError(f"{frames} frames of {rows_a_frame} rows: give one or more of each.")
    video = range(SYSTEM, SYSTEM + frames * rows_a_frame)
    question = range(video.stop, video.stop + QUESTION - 1)
    units = [video[at : at + rows_a_frame] for at in range(0, len(video), rows_a_frame)]
    return TokenLayout(
        length=question.stop + 1,
        spans={"video": list(video), "question": list(question)},
        frames=[list(unit) for unit in units],
    )


def mask_table(layout: TokenLayout, flows: Sequence[str]) -> pd.DataFrame:
    """A row a mask: mask, edges, percent of the untouched model's; one head and layer, diagonal counted."""
    every = full_edges(1, layout.length)
    left = {"untouched": every} | {
        str(Flow.parse(flow)): every - Flow.parse(flow).edges(layout).count() for flow in flows
    }
    return pd.DataFrame([{"mask": name, "edges": n, "percent": 100 * n / every} for name, n in left.items()])
