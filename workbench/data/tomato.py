"""TOMATO: 1,484 questions that need many frames, six tasks (Shangguan et al. 2025)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from workbench.data.annotations import Row, find_files, read_rows
from workbench.data.collection import Samples
from workbench.data.dataset import Dataset
from workbench.data.entry import validated
from workbench.data.reading import CONTAINERS, Question, clip_called, facets, folder_of, gather, indexed
from workbench.data.sample import Sample

LAYOUT = (
    "data/TASK.json (or jsons/TASK.json, or a parquet file), the videos in videos/human|object|simulated/"
)
COUNTS = {
    "count": 292,
    "direction": 403,
    "rotation": 286,
    "shape_trend": 223,
    "velocity_frequency": 210,
    "visual_cues": 70,
}
_SAME = {"shape_and_trend": "shape_trend", "velocity_and_frequency": "velocity_frequency"}


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    key: str
    question: str
    options: list[str]
    answer: int | str
    demonstration_type: str | None = None


def _load(root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool) -> Samples:
    folder = folder_of(root)
    return gather(
        _questions(folder),
        name="tomato",
        root=folder,
        tasks=tasks,
        limit=limit,
        strict=strict,
        known=tuple(COUNTS),
    )


def _questions(root: Path) -> Iterator[Question]:
    for file in find_files(root, "data/*.json", "jsons/*.json", "data/*.parquet", "*.parquet", what=LAYOUT):
        for row in read_rows(file, root):
            entry = row.entry if isinstance(row.entry, dict) else {}
            task = file.stem if file.suffix == ".json" else str(entry.get("reason_type") or "no task")
            yield Question(
                task=_SAME.get(task.lower(), task),
                id=str(entry.get("id") or row.key),
                where=row.where,
                build=partial(_sample, root, row),
            )


def _sample(root: Path, row: Row, task: str, id: str) -> Sample:
    entry = validated(_Entry, row.entry)
    kind = entry.demonstration_type or ""
    folders = [
        f"videos/{name}" for name in (kind, "human", "object", "simulated") if name and "/" not in name
    ]
    return Sample(
        id=id,
        task=task,
        video=clip_called(root, entry.key, (*dict.fromkeys(folders), "videos", "."), endings=CONTAINERS),
        question=entry.question,
        options=tuple(entry.options),
        answer=indexed(entry.answer, entry.options),
        facets=facets(row.entry, "demonstration_type", "motion_type"),
    )


TOMATO = Dataset(
    name="tomato",
    description="TOMATO: 6 tasks that need many frames (yale-nlp/TOMATO, lmms-eval/TOMATO on the hub)",
    load=_load,
    needs_root=True,
    layout=LAYOUT,
    hub="lmms-eval/TOMATO",
    style="letter",
    scoring="lmms_tomato",
    counts=COUNTS,
    total=1484,
)
