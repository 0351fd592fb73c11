"""The flows of the two papers by name, in paper order.

MTF: "Map the Flow: Revealing Hidden Pathways of Information in VideoLLMs" (ICLR 2026).
ES: "An Empirical Study on How Video-LLMs Answer Video Questions" (CVPR 2026).
"""

from __future__ import annotations

from typing import NamedTuple

CROSS_FRAME = "frames -> later frames"
WITHIN_FRAMES = "within frames"


class NamedFlow(NamedTuple):
    """A flow that a paper uses: its canonical text, what it shows, where it is from, and its other names."""

    text: str
    description: str
    paper: str
    aliases: tuple[str, ...] = ()


NAMED_FLOWS: tuple[NamedFlow, ...] = (
    NamedFlow(
        CROSS_FRAME,
        "Each frame sees itself and the text before it, but no earlier frame: information between frames.",
        "MTF Fig. 2; ES Fig. 2, 5, 6 (VT-K)",
        ("cross-frame", "cross frame", "VT-K"),
    ),
    NamedFlow(
        "video -> question",
        "The question and its options cannot read the video.",
        "MTF Fig. 3",
    ),
    NamedFlow("video -> last", "The last row cannot read the video directly.", "MTF Fig. 3"),
    NamedFlow("question -> last", "The last row cannot read the question or its options.", "MTF Fig. 3"),
    NamedFlow("last -> last", "The last row cannot read itself.", "MTF Fig. 3"),
    NamedFlow("nonoption -> last", "The last row cannot read the question text.", "MTF Fig. 6"),
    NamedFlow("true_option -> last", "The last row cannot read the right option.", "MTF Fig. 6"),
    NamedFlow("false_options -> last", "The last row cannot read the wrong options.", "MTF Fig. 6"),
    NamedFlow("video -> nonoption", "The question text cannot read the video.", "MTF Fig. 7"),
    NamedFlow("nonoption -> true_option", "The right option cannot read the question text.", "MTF Fig. 7"),
    NamedFlow("video -> true_option", "The right option cannot read the video.", "MTF Fig. 7"),
    NamedFlow(
        WITHIN_FRAMES,
        "The rows of a frame cannot read one another; each keeps its own key.",
        "ES Fig. 2, 5, 6 (VS-K)",
        ("within-frame", "within-frames", "intra-frame", "VS-K"),
    ),
    NamedFlow(
        "video -> text",
        "No row after the video can read the video, generated rows included.",
        "ES Fig. 2, 5, 6 (LV-K)",
        ("LV-K",),
    ),
)
