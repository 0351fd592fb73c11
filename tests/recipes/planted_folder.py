"""A planted checkpoint and a data set in TVBench's format for it, as folders that the command line takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tests.planted import N_FRAMES, planted_sample, save_planted, staged

STAGES = (2, 4, 5)
"""Layers of frames -> later frames, video -> question, question -> last."""
FRAMES = f"midpoints({N_FRAMES})"


class PlantedFolder(NamedTuple):
    model: Path
    data: Path

    def words(self, recipe: str, out: Path, *more: str) -> list[str]:
        """Arguments of `workbench` that run a recipe on this model and data."""
        given = ["--model", str(self.model), "--data", str(self.data), "--out", str(out), "--frames", FRAMES]
        return ["run", recipe, *given, *more]


def make_planted(folder: Path, samples: int = 2) -> PlantedFolder:
    """Writes `model` and `data` with so many samples, half of them A, plus one whose clip is broken."""
    model, data = folder / "model", folder / "data"
    clips = data / "video" / "planted"
    clips.mkdir(parents=True)
    (data / "json").mkdir()
    save_planted(staged(*STAGES), model)
    entries = []
    for number in range(samples):
        sample = planted_sample(clips, "AB"[number % 2])
        entries.append(
            {
                "video": sample.video.name,
                "question": sample.question,
                "candidates": list(sample.options),
                "answer": sample.true_option,
            }
        )
    (clips / "broken.mp4").write_bytes(b"not a video")
    entries.append({**entries[0], "video": "broken.mp4"})
    (data / "json" / "planted.json").write_text(json.dumps(entries))
    return PlantedFolder(model, data)
