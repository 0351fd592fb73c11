"""Models whose weights are written by hand, so that the way that the answer takes is known."""

from workbench.planted.checkpoint import IDS, LAST_WORD, OPTIONS, TOKENS_A_FRAME, VOCABULARY
from workbench.planted.simple import N_FRAMES, direct, planted_model, planted_sample, save_planted, staged
from workbench.planted.wiring import CONSTANT, N_LAYERS, Reader

__all__ = [
    "CONSTANT",
    "IDS",
    "LAST_WORD",
    "N_FRAMES",
    "N_LAYERS",
    "OPTIONS",
    "TOKENS_A_FRAME",
    "VOCABULARY",
    "Reader",
    "direct",
    "planted_model",
    "planted_sample",
    "save_planted",
    "staged",
]
