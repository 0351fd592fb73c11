"""Samples for planted models: each has a clip of its own, so that they can be halved."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from workbench.data import Sample
from workbench.planted import N_FRAMES, planted_sample

HOW = {"frames": f"midpoints({N_FRAMES})", "progress": False}


def planted_samples(folder: Path, pairs: int = 2) -> list[Sample]:
    """So many samples for each of the answers A and B."""
    made = []
    for number in range(2 * pairs):
        own = folder / str(number)
        own.mkdir(parents=True)
        answer = "AB"[number // 2 % 2]  # each half has both
        made.append(dataclasses.replace(planted_sample(own, answer), id=f"planted/{number}"))
    return made
