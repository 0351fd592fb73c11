"""Video-MME: 2,700 questions on 900 videos of up to an hour, with or without subtitles (Fu et al. 2025)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from workbench.data.annotations import Row, find_files, read_rows
from workbench.data.collection import Samples
from workbench.data.dataset import Dataset
from workbench.data.entry import validated
from workbench.data.reading import (
    CONTAINERS,
    Question,
    clip_called,
    facets,
    folder_of,
    gather,
    lettered,
    unmarked,
)
from workbench.data.sample import Sample, Subtitle
from workbench.data.subtitles import read_srt

LAYOUT = "videomme/*.parquet, the videos in data/ID.mp4 and, for subtitles, subtitle/ID.srt"
TASKS = {
    "temporal_perception": None,
    "spatial_perception": None,
    "attribute_perception": None,
    "action_recognition": None,
    "object_recognition": None,
    "ocr_problems": None,
    "counting_problem": None,
    "temporal_reasoning": None,
    "spatial_reasoning": None,
    "action_reasoning": None,
    "object_reasoning": None,
    "information_synopsis": None,
}


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    videoID: str
    question_id: str
    task_type: str
    question: str
    options: list[str]
    answer: str | None = None


def _load(
    root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool, *, subtitles: bool
) -> Samples:
    folder = folder_of(root)
    name = "videomme_subtitles" if subtitles else "videomme"
    return gather(
        _questions(folder, subtitles),
        name=name,
        root=folder,
        tasks=tasks,
        limit=limit,
        strict=strict,
        known=tuple(TASKS),
    )


def _questions(root: Path, subtitles: bool) -> Iterator[Question]:
    for file in find_files(root, "videomme/*.parquet", "*.parquet", "data/*.parquet", what=LAYOUT):
        for row in read_rows(file, root):
            entry = row.entry if isinstance(row.entry, dict) else {}
            yield Question(
                task=str(entry.get("task_type") or "no task"),
                id=str(entry.get("question_id") or row.key),
                where=row.where,
                build=partial(_sample, root, row, subtitles),
            )


def _sample(root: Path, row: Row, subtitles: bool, task: str, id: str) -> Sample:
    entry = validated(_Entry, row.entry)
    options = unmarked(entry.options)
    return Sample(
        id=id,
        task=task,
        video=clip_called(root, entry.videoID, ("data", "videos", "video", "."), endings=CONTAINERS),
        question=entry.question,
        options=options,
        answer=lettered(entry.answer, options),
        facets=facets(row.entry, "duration", "domain", "sub_category"),
        subtitles=_said(root, entry.videoID) if subtitles else (),
    )


def _said(root: Path, video: str) -> tuple[Subtitle, ...]:
    """Not every video speaks: one without a file has a line that nobody sees, so that its prompt says so."""
    for folder in ("subtitle", "subtitles"):
        file = root / folder / f"{video}.srt"
        if file.is_file():
            return read_srt(file, root) or (Subtitle(0.0, 0.0, ""),)
    return (Subtitle(0.0, 0.0, ""),)


VIDEOMME = Dataset(
    name="videomme",
    description="Video-MME: 12 tasks on 900 videos up to an hour (lmms-eval/Video-MME on the hub)",
    load=partial(_load, subtitles=False),
    needs_root=True,
    layout=LAYOUT,
    hub="lmms-eval/Video-MME",
    style="videomme",
    scoring="lmms_videomme",
    counts=TASKS,
    total=2700,
)
VIDEOMME_SUBTITLES = Dataset(
    name="videomme_subtitles",
    description="Video-MME with the subtitles that are on the screen at the frames shown",
    load=partial(_load, subtitles=True),
    needs_root=True,
    layout=LAYOUT,
    hub="lmms-eval/Video-MME",
    style="videomme",
    scoring="lmms_videomme",
    counts=TASKS,
    total=2700,
)
