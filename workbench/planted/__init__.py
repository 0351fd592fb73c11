"""Models whose weights are written by hand, so that the way that the answer takes is known."""

from workbench.planted.checkpoint import TOKENS_A_FRAME, load_planted
from workbench.planted.simple import N_FRAMES, direct, planted_model, planted_sample, save_planted, staged
from workbench.planted.stories import PLANTED
from workbench.planted.truth import FLOWS, Candidate, Edge, Planted, Role, candidates, cut_of
from workbench.planted.vocabulary import IDS, LAST_WORD, OPTIONS, VOCABULARY
from workbench.planted.wiring import CONSTANT, N_LAYERS, Reader, Wiring

__all__ = [
    "CONSTANT",
    "FLOWS",
    "IDS",
    "LAST_WORD",
    "N_FRAMES",
    "N_LAYERS",
    "OPTIONS",
    "PLANTED",
    "TOKENS_A_FRAME",
    "VOCABULARY",
    "Candidate",
    "Edge",
    "Planted",
    "Reader",
    "Role",
    "Wiring",
    "candidates",
    "cut_of",
    "direct",
    "load_planted",
    "planted_model",
    "planted_sample",
    "save_planted",
    "staged",
]
