"""The flows of the two papers by name, in paper order.

MTF: "Map the Flow: Revealing Hidden Pathways of Information in VideoLLMs" (ICLR 2026).
ES: "An Empirical Study on How Video-LLMs Answer Video Questions" (CVPR 2026).
"""

from __future__ import annotations

from typing import NamedTuple

CROSS_FRAME = "frames -> later frames"
WITHIN_FRAMES = "within frames"
VIDEO_QUESTION = "video -> question"
VIDEO_LAST = "video -> last"
QUESTION_LAST = "question -> last"
LAST_LAST = "last -> last"
NONOPTION_LAST = "nonoption -> last"
TRUE_LAST = "true_option -> last"
FALSE_LAST = "false_options -> last"
VIDEO_NONOPTION = "video -> nonoption"
NONOPTION_TRUE = "nonoption -> true_option"
VIDEO_TRUE = "video -> true_option"
VIDEO_TEXT = "video -> text"


class NamedFlow(NamedTuple):
    """A flow that a paper uses: its canonical text, what it shows, where it is from, and its other names."""

    text: str
    description: str
    paper: str
    aliases: tuple[str, ...] = ()
    group: str = ""
    """The `FlowGroup` that it is shown in; empty for none."""


class FlowGroup(NamedTuple):
    """Flows that answer one question together, and that Map the Flow draws in figures of their own."""

    name: str
    title: str
    """What its flows have in common, to stand in the title of a figure."""
    flows: tuple[str, ...]


NAMED_FLOWS: tuple[NamedFlow, ...] = (
    NamedFlow(
        CROSS_FRAME,
        "Each frame sees itself and the text before it, but no earlier frame: information between frames.",
        "MTF Fig. 2; ES Fig. 2, 5, 6 (VT-K)",
        ("cross-frame", "cross frame", "VT-K"),
        group="spans",
    ),
    NamedFlow(
        VIDEO_QUESTION,
        "The question and its options cannot read the video.",
        "MTF Fig. 3",
        group="spans",
    ),
    NamedFlow(
        VIDEO_LAST,
        "The last row cannot read the video directly.",
        "MTF Fig. 3",
        group="spans",
    ),
    NamedFlow(
        QUESTION_LAST,
        "The last row cannot read the question or its options.",
        "MTF Fig. 3",
        group="spans",
    ),
    NamedFlow(
        LAST_LAST,
        "The last row cannot read itself.",
        "MTF Fig. 3",
        group="spans",
    ),
    NamedFlow(
        NONOPTION_LAST,
        "The last row cannot read the question text.",
        "MTF Fig. 6",
        group="to_last",
    ),
    NamedFlow(
        TRUE_LAST,
        "The last row cannot read the right option.",
        "MTF Fig. 6",
        group="to_last",
    ),
    NamedFlow(
        FALSE_LAST,
        "The last row cannot read the wrong options.",
        "MTF Fig. 6",
        group="to_last",
    ),
    NamedFlow(
        VIDEO_NONOPTION,
        "The question text cannot read the video.",
        "MTF Fig. 7",
        group="to_options",
    ),
    NamedFlow(
        NONOPTION_TRUE,
        "The right option cannot read the question text.",
        "MTF Fig. 7",
        group="to_options",
    ),
    NamedFlow(
        VIDEO_TRUE,
        "The right option cannot read the video.",
        "MTF Fig. 7",
        group="to_options",
    ),
    NamedFlow(
        WITHIN_FRAMES,
        "The rows of a frame cannot read one another; each keeps its own key.",
        "ES Fig. 2, 5, 6 (VS-K)",
        ("within-frame", "within-frames", "intra-frame", "VS-K"),
    ),
    NamedFlow(
        VIDEO_TEXT,
        "No row after the video can read the video, generated rows included.",
        "ES Fig. 2, 5, 6 (LV-K)",
        ("LV-K",),
    ),
)

_TITLES = {
    "spans": "From the frames to the answer",
    "to_last": "From the parts of the question to the last row",
    "to_options": "From the video to the parts of the question",
}

FLOW_GROUPS: tuple[FlowGroup, ...] = tuple(
    FlowGroup(name, title, tuple(flow.text for flow in NAMED_FLOWS if flow.group == name))
    for name, title in _TITLES.items()
)
"""Fig. 2-3, Fig. 6 and Fig. 7 of Map the Flow."""

MTF_FLOWS: tuple[str, ...] = tuple(flow for group in FLOW_GROUPS for flow in group.flows)
"""The 11 flows of Map the Flow, in paper order."""
