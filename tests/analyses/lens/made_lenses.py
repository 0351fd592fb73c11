"""Lenses made by hand, and samples that a tiny model reads."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import torch

from tests.tiny import tiny_clip, tiny_sample
from workbench.analyses.lens.lenses import model_identity
from workbench.analyses.lens.tuned import TunedLens
from workbench.data import Samples
from workbench.models import VideoLLM


def identity_lens(model: VideoLLM) -> TunedLens:
    """A tuned lens before its first step."""
    return TunedLens(
        weight=torch.zeros(model.n_layers, model.d_model, model.d_model),
        bias=torch.zeros(model.n_layers, model.d_model),
        loss=pd.DataFrame({"layer": [0], "lens": ["tuned lens"], "n": [1], "mean": [0.5]}),
        trained={"model": model_identity(model), "data": "by hand"},
    )


def tiny_samples(folder: Path, count: int = 3) -> Samples:
    """Samples whose clips are folders of noise in `folder`, each its own."""
    from PIL import Image

    found = []
    for number in range(count):
        clip = folder / f"clip{number}"
        clip.mkdir(exist_ok=True)
        for place, frame in enumerate(tiny_clip(8, seed=number).frames):
            Image.fromarray(frame).save(clip / f"{place}.png")
        found.append(dataclasses.replace(tiny_sample(), id=f"tiny/{number}", video=clip))
    return Samples(found, name="tiny")
