"""What the names in figures and reports stand for, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.interventions import PLAIN_SPANS, read_window

SPANS = {"frames": "the rows of each video frame", **PLAIN_SPANS}
"""The prompt's spans, and what a flow calls all frames."""


def spans_in(flows: Iterable[str]) -> dict[str, str]:
    """The spans that these flows name, in the order of `SPANS`."""
    words = set(re.findall(r"[a-z_]+", " ".join(flows)))
    return {name: text for name, text in SPANS.items() if name in words}


def span_names(flows: Iterable[str]) -> str:
    """A line on the spans of these flows: "Names: question, the question with its options; last, .."."""
    found = [f"{name}, {text}" for name, text in spans_in(flows).items()]
    return f"Names: {'; '.join(found)}." if found else ""


def window_words(window: str) -> str:
    """What each point of a curve is under this window, with the window's own name."""
    found = read_window(window)
    if found is None or not found.point:
        return f"Window: {window}"
    return f"Each point: the flow cut {found.point}, {window}"
