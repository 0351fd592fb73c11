"""Video-LLMs: loading, prompts with a token layout, and hook points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lazy import lazily
from workbench.prompts.layout import TokenLayout
from workbench.prompts.turn import Turn

if TYPE_CHECKING:
    from workbench.models.families import FAMILIES, Family
    from workbench.models.loading import load
    from workbench.models.video_llm import VideoLLM
    from workbench.prompts.pixels import PixelSettings
    from workbench.prompts.prompt import Prompt

__all__ = ["FAMILIES", "Family", "PixelSettings", "Prompt", "TokenLayout", "Turn", "VideoLLM", "load"]

# These need torch and transformers, which the settings of a run do not.
__getattr__ = lazily(
    __name__,
    {
        "FAMILIES": "families",
        "Family": "families",
        "PixelSettings": ".prompts.pixels",
        "Prompt": ".prompts.prompt",
        "VideoLLM": "video_llm",
        "load": "loading",
    },
)
