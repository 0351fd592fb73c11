"""EgoSchema: 5,031 three-minute clips of what people do, of which 500 have public answers (Mangalam et al.
2023). Read from the parquet files of the hub's copies, and from the authors' own questions.json.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from workbench.data.annotations import Row, find_files, read_rows
from workbench.data.collection import Samples
from workbench.data.confine import inside
from workbench.data.dataset import Dataset
from workbench.data.entry import validated
from workbench.data.reading import CONTAINERS, Question, clip_called, folder_of, gather, indexed, unmarked
from workbench.data.sample import Sample
from workbench.errors import SampleError, shown
from workbench.foreign import read_json

LAYOUT = (
    "Subset/*.parquet and MC/*.parquet (or questions.json, subset_answers.json), the videos in videos/ID.mp4"
)
COUNTS = {"subset": 500, "full": 5031}
_FILES = ("Subset/*.parquet", "*[Ss]ubset*.parquet")
_FULL = ("MC/*.parquet", "MC_PPL/*.parquet", "GENERATION/*.parquet", "*MC*.parquet", "*.parquet")


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    video_idx: str
    question: str
    option: list[str]
    answer: str | int | None = None


def _load(root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool) -> Samples:
    folder = folder_of(root)
    questions = list(_questions(folder))
    # The others have no public answers.
    usual = ("subset",) if any(question.task == "subset" for question in questions) else None
    return gather(
        questions,
        name="egoschema",
        root=folder,
        tasks=usual if tasks is None else tasks,
        limit=limit,
        strict=strict,
        known=tuple(COUNTS),
    )


def _questions(root: Path) -> Iterator[Question]:
    if (root / "questions.json").is_file():
        yield from _authors(root)
        return
    files = [("subset", file) for pattern in _FILES for file in sorted(root.glob(pattern))]
    seen = {file for _, file in files}
    for pattern in _FULL:
        found = [file for file in sorted(root.glob(pattern)) if file not in seen]
        if found:
            files += [("full", file) for file in found]
            break
    if not files:
        find_files(root, "questions.json", what=LAYOUT)
    for task, file in files:
        for row in read_rows(file, root):
            entry = row.entry if isinstance(row.entry, dict) else {}
            yield Question(
                task=task,
                id=str(entry.get("video_idx") or row.key),
                where=row.where,
                build=partial(_sample, root, row.entry),
            )


def _authors(root: Path) -> Iterator[Question]:
    """The authors' files: the questions of all, and the answers of 500 by their ids."""
    answers = {}
    if (file := root / "subset_answers.json").is_file():
        if not inside(file, root):
            raise SampleError(f"{file} is a link that leads out of {root}: put the answers themselves there")
        answers = read_json(file, error=SampleError)
        if not isinstance(answers, dict):
            raise SampleError(f"{file} holds {shown(answers)}, not answers by id")
    for row in read_rows(root / "questions.json", root):
        said = row.entry.get("q_uid") if isinstance(row.entry, dict) else None
        key = said if isinstance(said, str) else ""  # whatever else it is, `_sample` refuses
        for task in ("subset", "full") if key in answers else ("full",):
            yield Question(
                task=task,
                id=str(key or row.key),
                where=row.where,
                build=partial(_of_authors, root, row, answers.get(key)),
            )


def _of_authors(root: Path, row: Row, answer: object, task: str, id: str) -> Sample:
    if not isinstance(row.entry, dict):
        raise SampleError(f"it is {shown(row.entry)}, not an object with 'q_uid', 'question' and so on")
    options = [row.entry.get(f"option {number}") for number in range(5)]
    entry = {
        "video_idx": row.entry.get("q_uid"),
        "question": row.entry.get("question"),
        "option": options,
        "answer": answer,
    }
    return _sample(root, entry, task, id)


def _sample(root: Path, raw: object, task: str, id: str) -> Sample:
    entry = validated(_Entry, raw)
    options = unmarked(entry.option)
    return Sample(
        id=id,
        task=task,
        video=clip_called(root, entry.video_idx, ("videos", "video", "."), endings=CONTAINERS),
        question=entry.question,
        options=options,
        answer=indexed(entry.answer, options),
    )


EGOSCHEMA = Dataset(
    name="egoschema",
    description="EgoSchema: 500 questions with answers; all 5,031 with tasks=full (lmms-eval/egoschema)",
    load=_load,
    needs_root=True,
    layout=LAYOUT,
    hub="lmms-eval/egoschema",
    style="letter",
    scoring="lmms_egoschema",
    counts=COUNTS,
    apart=("full",),
)
