"""A planted checkpoint and a data set in TVBench's format for it, as folders that the command line takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.planted import N_FRAMES, planted_sample, save_planted, staged

STAGES = (2, 4, 5)
"""Layers of frames -> later frames, video -> question, question -> last."""
FLOW, READ, ANSWER = STAGES
CROSS, TO_QUESTION, TO_LAST = "frames -> later frames", "video -> question", "question -> last"
RANGES = dict(zip((CROSS, TO_QUESTION, TO_LAST), ((layer, layer) for layer in STAGES), strict=True))
RUN = {"manifest.json", "shards", "skipped.csv", "SHA256SUMS"}
"""What every recipe that measures leaves behind."""
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


def settings(planted: PlantedFolder, out: Path, **more: Any) -> dict[str, Any]:
    """Fields of a recipe that runs on this model and data."""
    return {"model": str(planted.model), "data": str(planted.data), "out": out, "frames": FRAMES, **more}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")}


def fallen(table: pd.DataFrame) -> list[int]:
    """Centre layers in which the answer is lost."""
    return sorted({int(row["layer"]) for row in table.to_dict("records") if row["mean"] < -50})


def rows(table: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    for column, value in wanted.items():
        table = table.loc[np.asarray(table[column] == value, dtype=bool)]
    return table


def each_layer(planted: PlantedFolder, out: Path, **more: Any) -> dict[str, Any]:
    """As `settings`, with bins of one layer."""
    return settings(planted, out, **{"device": "cpu", "bin": 1, **more})


def names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if not path.name.startswith(".")}
