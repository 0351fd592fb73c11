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
    """The temporal unit that it shows, or that it belongs to if it is a separator (before or behind it)."""
    separator: bool = False
