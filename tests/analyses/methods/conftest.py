"""Planted models with their samples and candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from workbench.data import Sample
from workbench.models import VideoLLM
from workbench.planted import PLANTED, Candidate, candidates


class Asked(NamedTuple):
    """What a method is given, and what is true."""

    model: VideoLLM
    samples: Sequence[Sample]
    candidates: list[Candidate]
    true: list[Candidate]


@pytest.fixture(scope="session")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Asked]:
    """By the name of a planted model."""
    made: dict[str, Asked] = {}

    def get(name: str) -> Asked:
        if name not in made:
            planted = PLANTED[name]
            model, samples = planted.load(), planted.samples(Path(tmp_path_factory.mktemp("clips")))
            every = candidates(model.encode(samples[0]).layout, model.n_layers, model.n_heads)
            true = [edge.candidate for edge in planted.edges]
            flows = {one.flow for one in true} | {"system -> last", "within frames"}
            few = [one for one in every if one.flow in flows]
            made[name] = Asked(model, samples, few, true)
        return made[name]

    return get
