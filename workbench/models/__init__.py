"""Video-LLMs: loading, prompts with a token layout, and hook points."""

from __future__ import annotations

from workbench.models.families import FAMILIES, Family
from workbench.models.load import load
from workbench.models.video_llm import VideoLLM
from workbench.prompts.layout import TokenLayout
from workbench.prompts.pixels import PixelSettings
from workbench.prompts.prompt import Prompt
from workbench.prompts.turn import Turn

__all__ = ["FAMILIES", "Family", "PixelSettings", "Prompt", "TokenLayout", "Turn", "VideoLLM", "load"]
