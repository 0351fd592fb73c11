"""LongVideoBench: 1,337 questions with answers on videos of 8 seconds to an hour (Wu et al. 2024), with or
without subtitles.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workbench.data.annotations import Row, find_files, read_rows
from workbench.data.collection import Samples
from workbench.data.confine import find_clip
from workbench.data.dataset import Dataset
from workbench.data.entry import Seconds, validated
from workbench.data.reading import Question, clip_called, facets, folder_of, gather, indexed
from workbench.data.sample import Sample, Subtitle
from workbench.data.subtitles import read_json_subtitles, read_srt
from workbench.errors import SampleError

LAYOUT = "lvb_val.json (or validation-*.parquet), the videos in videos/ and, for subtitles, subtitles/"
_FILES = (
    "lvb_val.json",
    "validation*.parquet",
    "data/validation*.parquet",
    "lvb_test*.json",
    "test*.parquet",
)
NO_OPTION = "N/A"
"""What the parquet files write where a question has fewer than five options."""


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    id: str
    video_path: str
    question: str
    question_category: str
    correct_choice: int | None = None
    candidates: Annotated[list[str], Field(max_length=26)] | None = None
    option0: str | None = None
    option1: str | None = None
    option2: str | None = None
    option3: str | None = None
    option4: str | None = None
    subtitle_path: str | None = None
    duration: Seconds | None = None
    starting_timestamp_for_subtitles: Seconds = 0.0

    @property
    def options(self) -> tuple[str, ...]:
        if self.candidates is not None:
            return tuple(self.candidates)
        numbered = (self.option0, self.option1, self.option2, self.option3, self.option4)
        return tuple(option for option in numbered if option not in (None, NO_OPTION))


def _load(
    root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool, *, subtitles: bool
) -> Samples:
    folder = folder_of(root)
    return gather(
        _questions(folder, subtitles),
        name="longvideobench_subtitles" if subtitles else "longvideobench",
        root=folder,
        tasks=tasks,
        limit=limit,
        strict=strict,
    )


def _questions(root: Path, subtitles: bool) -> Iterator[Question]:
    for file in find_files(root, *_FILES, what=LAYOUT):
        for row in read_rows(file, root):
            entry = row.entry if isinstance(row.entry, dict) else {}
            yield Question(
                task=str(entry.get("question_category") or "no task"),
                id=str(entry.get("id") or row.key),
                where=row.where,
                build=partial(_sample, root, row, subtitles),
            )


def _sample(root: Path, row: Row, subtitles: bool, task: str, id: str) -> Sample:
    entry = validated(_Entry, row.entry)
    return Sample(
        id=id,
        task=task,
        video=clip_called(root, entry.video_path, ("videos", "video", ".")),
        question=entry.question,
        options=entry.options,
        answer=indexed(entry.correct_choice, entry.options),
        facets=facets(row.entry, "duration_group", "topic_category", "level"),
        subtitles=_said(root, entry) if subtitles else (),
    )


def _said(root: Path, entry: _Entry) -> tuple[Subtitle, ...]:
    if not entry.subtitle_path:
        raise SampleError("it names no subtitles: use 'longvideobench', which shows none")
    file = find_clip(root, entry.subtitle_path, ("subtitles", "subtitle", "."))
    if file.suffix == ".srt":
        return read_srt(file, root)
    begin = entry.starting_timestamp_for_subtitles
    return read_json_subtitles(file, root, begin=begin, duration=entry.duration)


LONGVIDEOBENCH = Dataset(
    name="longvideobench",
    description="LongVideoBench: 17 categories, its 1,337 questions with answers, without subtitles",
    load=partial(_load, subtitles=False),
    needs_root=True,
    layout=LAYOUT,
    hub="longvideobench/LongVideoBench",
    style="letter",
    scoring="lmms_longvideobench",
    frames="strided(16)",
    total=1337,
)
LONGVIDEOBENCH_SUBTITLES = Dataset(
    name="longvideobench_subtitles",
    description="LongVideoBench with the subtitles that are on the screen at the frames shown",
    load=partial(_load, subtitles=True),
    needs_root=True,
    layout=LAYOUT,
    hub="longvideobench/LongVideoBench",
    style="letter",
    scoring="lmms_longvideobench",
    frames="strided(16)",
    total=1337,
)
