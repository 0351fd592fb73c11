"""Sweeps of a planted model in folders, for tests of what is done with folders."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import workbench as wb
from workbench.data import Sample, Samples
from workbench.models import VideoLLM
from workbench.planted import N_FRAMES, planted_model, planted_sample, staged
from workbench.runs import Run

FLOW = "video -> last"


def questions(folder: Path, count: int = 4) -> Samples:
    """Questions about clips of their own, half of them A."""
    made: list[Sample] = []
    for number in range(count):
        own = folder / f"clip{number}"
        own.mkdir(parents=True, exist_ok=True)
        made.append(dataclasses.replace(planted_sample(own, "AB"[number % 2]), id=f"planted/{number}"))
    return Samples(made, name="planted")


@functools.cache
def _model(confidence: float) -> VideoLLM:
    """One that knows; with a confidence, another one with the same answers."""
    model = planted_model(staged(1, 3, 5))
    if confidence:
        model.hf.lm_head.weight.data.mul_(confidence)  # pyright: ignore
    return model


def swept(samples: Samples, out: Path, *, confidence: float = 0.0) -> Run:
    """A sweep of one flow in every single layer."""
    return wb.sweep(
        _model(confidence), samples, [FLOW], "centred(1)", out=out, frames=N_FRAMES, progress=False
    )
