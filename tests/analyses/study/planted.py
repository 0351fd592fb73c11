"""Studies of planted models: all questions have the answer B, which nothing but the video can tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from workbench.analyses.study import STUDY_FLOWS, UNTOUCHED, Case, by_depth, in_window, study
from workbench.data import Sample
from workbench.interventions import parse_window
from workbench.interventions.exits import Acceleration, Exit
from workbench.models import VideoLLM
from workbench.planted import N_FRAMES, N_LAYERS, planted_model, planted_sample, staged

FLOW, READ, ANSWER = 2, 4, 5
"""Layers of frames -> later frames, video -> text, text -> last."""


def model() -> VideoLLM:
    return planted_model(staged(FLOW, READ, ANSWER))


def samples(folder: Path, number: int = 12) -> list[Sample]:
    one = planted_sample(folder, "B")
    return [replace(one, id=f"planted/{place}") for place in range(number)]


def cases() -> list[Case]:
    windows = [
        case for flow in STUDY_FLOWS for case in in_window(flow, parse_window("trailing(1)"), N_LAYERS)
    ]
    return windows


def exits() -> list[Case]:
    return [
        Case(f"exit {layer}", Acceleration(exits=(Exit(after=layer),)), layer)
        for layer in range(N_LAYERS + 1)
    ]


def depth_study(tested: VideoLLM, folder: Path) -> pd.DataFrame:
    depth = by_depth(STUDY_FLOWS[0], range(N_LAYERS + 1), N_LAYERS)
    told = {"frames": N_FRAMES, "progress": False}
    return study(tested, samples(folder), [*depth, *exits()], written=(UNTOUCHED, "exit 3"), **told).table


def window_study(tested: VideoLLM, folder: Path) -> pd.DataFrame:
    return study(tested, samples(folder), cases(), frames=N_FRAMES, progress=False).table
