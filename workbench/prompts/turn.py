"""The text around a question about a video, and the video's own part of the prompt."""

from __future__ import annotations

from typing import NamedTuple


class Turn(NamedTuple):
    """The text around one question about one video: opening, video, bridge, question, closing, answer."""

    opening: str
    bridge: str
    closing: str
    answer_gap: str
    """Written between the closing and an answer prefix."""


class VideoPiece(NamedTuple):
    """A run of the video's part of the prompt."""

    text: str
    """As the tokenizer reads it: placeholder tokens, or words such as "Frame 1:"."""
    frame: int | None
    """The temporal unit that it shows, or to which it is counted where it shows none: before or behind it."""
    separator: bool = False
    """Rows of the video that show no frame: learned newlines, marks of where a frame begins and ends."""
    words: bool = False
    """Text between frames, such as "Time 0.5s:" or "Frame 1: ": no row of the video, unless the layout counts
    it to its frame (`separators="frame"`)."""
