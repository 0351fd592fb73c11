"""Attention sinks as spans of a prompt: `sinks`, `video_sinks` and `text_sinks`.

Which rows are sinks is measured in a model (`workbench.analyses.attention.sinks`), so no prompt has these
spans from the beginning.

Axes: n row of a span.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.prompts.layout import TokenLayout

if TYPE_CHECKING:
    from workbench.prompts.prompt import Prompt


def with_sinks(prompt: Prompt, rows: Sequence[int] | np.ndarray) -> Prompt:
    """The same prompt, whose layout knows these rows as `sinks`: those of the video as `video_sinks`, all
    others as `text_sinks`. Raises SpanError for rows outside the prompt."""
    layout = prompt.layout
    found = np.unique(np.asarray(rows, dtype=np.int64))
    video = layout["video"] if "video" in layout else found[:0]
    spans = {
        **layout.spans,
        "sinks": found,
        "video_sinks": np.intersect1d(found, video),
        "text_sinks": np.setdiff1d(found, video),
    }
    marked = TokenLayout(
        length=layout.length,
        spans=spans,
        frames=layout.frames,
        grid=layout.grid,
        tokens=layout.tokens,
        frame_times=layout.frame_times,
    )
    return dataclasses.replace(prompt, layout=marked)
