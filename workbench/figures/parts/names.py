"""What the names in figures and reports stand for, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.errors import WindowError
from workbench.interventions import parse_window

SPANS = {
    "frames": "the rows of each video frame",
    "video": "the rows of all video frames",
    "question": "the question with its options",
    "nonoption": "the question text without its options",
    "true_option": "the right option",
    "false_options": "the wrong options",
    "text": "everything after the video",
    "last": "the last row of the prompt, from which the answer is read",
    "system": "what stands before the video",
    "separator": "rows between frames that hold no picture",
    "gap": "rows between the video and the question",
    "tail": "what stands after the question",
    "generated": "rows of the answer",
}
"""The prompt's spans."""


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
    try:
        parsed = parse_window("after(0)" if window == "after(i)" else window)
    except WindowError:
        return f"Window: {window}"
    size, *_ = (*parsed.numbers, 1)
    cut = {
        "centred": "in that layer" if size == 1 else f"in the {size} layers around it",
        "trailing": "in that layer" if size == 1 else f"in the {size} layers that end there",
        "after": "in all layers after it",
    }.get(parsed.kind)
    return f"Each point: the flow cut {cut}, {window}" if cut else f"Window: {window}"
