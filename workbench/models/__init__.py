"""Video-LLMs: loading, prompts with a token layout, and hook points."""

from __future__ import annotations

from workbench.models.families import FAMILIES, Family, Turn
from workbench.models.layout import TokenLayout
from workbench.models.load import load
from workbench.models.preprocess import PixelSettings
from workbench.models.prompt import Prompt
from workbench.models.video_llm import VideoLLM

__all__ = ["FAMILIES", "Family", "PixelSettings", "Prompt", "TokenLayout", "Turn", "VideoLLM", "load"]
