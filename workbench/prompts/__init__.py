"""From a sample to a prompt: styles of asking, the text around a question, and which rows are what."""

from __future__ import annotations

from workbench.prompts.assembly import Separators, check_separators
from workbench.prompts.layout import TokenLayout
from workbench.prompts.spans import INDEXED_SPANS, PLAIN_SPANS, Span
from workbench.prompts.styles import (
    STYLES,
    CharRange,
    Piece,
    PromptText,
    Style,
    build_prompt,
    check_style,
    default_style,
)
from workbench.prompts.turn import Turn

__all__ = [
    "INDEXED_SPANS",
    "PLAIN_SPANS",
    "STYLES",
    "CharRange",
    "Piece",
    "PromptText",
    "Separators",
    "Span",
    "Style",
    "TokenLayout",
    "Turn",
    "build_prompt",
    "check_separators",
    "check_style",
    "default_style",
]
