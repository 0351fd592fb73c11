"""Minimal Video Pairs: two clips that differ in one thing, one question with two answers (MVP, 2025).

The hub has the questions only; the clips come from nine sources, which the user gathers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from workbench.data.annotations import Row, find_files, read_rows
from workbench.data.collection import Samples
from workbench.data.dataset import Dataset
from workbench.data.entry import validated
from workbench.data.options import text_index
from workbench.data.reading import Question, clip_called, facets, folder_of, gather
from workbench.data.sample import Sample
from workbench.errors import SampleError, shown

LAYOUT = (
    "TASK/mini*.parquet and TASK/full*.parquet, the clips where video_path says (pt/, ssv2/, clevrer/, ..)"
)
TASKS = (
    "human_object_interactions",
    "robot_object_interactions",
    "intuitive_physics",
    "temporal_reasoning",
)
COUNTS = {"mini": dict.fromkeys(TASKS), "full": {**dict.fromkeys(TASKS), "temporal_reasoning": 2766}}


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    video_id: str
    video_path: str
    question: str
    candidates: list[str]
    answer: str


def _load(
    root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool, *, split: str
) -> Samples:
    folder = folder_of(root)
    return gather(
        _questions(folder, split),
        name=f"mvp_{split}",
        root=folder,
        tasks=tasks,
        limit=limit,
        strict=strict,
        known=TASKS,
    )


def _questions(root: Path, split: str) -> Iterator[Question]:
    patterns = (f"*/{split}*.parquet", f"data/*/{split}*.parquet", f"*{split}*.parquet", f"*/{split}*.jsonl")
    for file in find_files(root, *patterns, what=LAYOUT):
        task = next((task for task in TASKS if task in (file.parent.name, file.stem)), file.parent.name)
        for row in read_rows(file, root):
            entry = row.entry if isinstance(row.entry, dict) else {}
            yield Question(
                task=task,
                id=str(entry.get("video_id") or row.key),
                where=row.where,
                build=partial(_sample, root, row),
            )


def _sample(root: Path, row: Row, task: str, id: str) -> Sample:
    entry = validated(_Entry, row.entry)
    pair, underscore, _ = entry.video_id.rpartition("_")
    if not underscore or not pair:
        raise SampleError(f"video_id is {shown(entry.video_id)}: it should be a pair's name, _ and a number")
    return Sample(
        id=id,
        task=task,
        video=clip_called(root, entry.video_path.lstrip("/"), (".", "videos")),
        question=entry.question,
        options=tuple(entry.candidates),
        answer=text_index(entry.answer, entry.candidates),
        group=f"{task}/{pair}",
        facets=facets(row.entry, "source"),
    )


def _dataset(split: str, size: str) -> Dataset:
    return Dataset(
        name=f"mvp_{split}",
        description=f"Minimal Video Pairs, {size}; single and pair accuracy (facebook/minimal_video_pairs)",
        load=partial(_load, split=split),
        needs_root=True,
        layout=LAYOUT,
        hub="facebook/minimal_video_pairs",
        style="lmms_mvp",
        group_scores={"pair": (TASKS, 2)},
        scoring="lmms_mvp",
        counts=COUNTS[split],
    )


MVP_MINI = _dataset("mini", "the smaller balanced set")
MVP_FULL = _dataset("full", "all of them")
