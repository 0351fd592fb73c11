"""Vinoground: 500 pairs of clips and captions that say the same words in another order (Zhang et al. 2024).

Two tasks. In `text` a clip is shown, and two captions are to choose from; in `video` a caption is given, and
both clips, one after the other. A pair has two questions of each: `Sample.group` names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from workbench.data.annotations import Row, find_files, read_rows
from workbench.data.collection import Samples
from workbench.data.dataset import Dataset
from workbench.data.entry import validated
from workbench.data.reading import CONTAINERS, Question, clip_called, folder_of, gather, lettered
from workbench.data.sample import Sample
from workbench.errors import SampleError, shown

LAYOUT = (
    "vinoground_videos/ with vinoground_textscore.json, and vinoground_videos_concated/ with "
    "vinoground_videoscore.json, as the hub's archives unpack"
)
COUNTS = {"text": 1000, "video": 1000}
_FILES = {"text": "vinoground_textscore.json", "video": "vinoground_videoscore.json"}
_OPTION = re.compile(r"\n?\s*\(?([A-Z])[.):]\s*")
_INDEX = re.compile(r"(?P<pair>\d+)_(?:pos|neg)")


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    idx: str
    video_name: str
    question: str
    GT: str


def _load(root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool) -> Samples:
    folder = folder_of(root)
    return gather(
        _questions(folder, _facets(folder)),
        name="vinoground",
        root=folder,
        tasks=tasks,
        limit=limit,
        strict=strict,
        known=tuple(COUNTS),
    )


def _facets(root: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """Categories of each pair, from the annotations that lie beside, where they do."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for file in sorted(
        (*root.glob("vinoground*.csv"), *root.glob("*.parquet"), *root.glob("data/*.parquet"))
    ):
        for row in read_rows(file, root):
            entry = row.entry if isinstance(row.entry, dict) else {}
            pair = re.match(r"\d+", str(entry.get("index", "")))
            if pair and isinstance(entry.get("major"), str):
                minor = str(entry.get("minor") or "")
                found[pair[0]] = (("major", entry["major"]), *((("minor", minor),) if minor else ()))
    return found


def _questions(root: Path, known: dict[str, tuple[tuple[str, str], ...]]) -> Iterator[Question]:
    for task, name in _FILES.items():
        (file, *_) = find_files(root, f"*/{name}", name, what=LAYOUT)
        for row in read_rows(file, root):
            entry = row.entry if isinstance(row.entry, dict) else {}
            yield Question(
                task=task,
                id=str(entry.get("idx") or row.key),
                where=row.where,
                build=partial(_sample, root, row, known),
            )


def _sample(
    root: Path, row: Row, known: dict[str, tuple[tuple[str, str], ...]], task: str, id: str
) -> Sample:
    entry = validated(_Entry, row.entry)
    pair = _INDEX.fullmatch(entry.idx)
    if not pair:
        raise SampleError(f"idx is {shown(entry.idx)}: it should be a number and _pos or _neg")
    question, options = _split(entry.question)
    return Sample(
        id=id,
        task=task,
        video=clip_called(
            root,
            entry.video_name,
            (".", "vinoground_videos", "vinoground_videos_concated"),
            endings=("", *CONTAINERS),
        ),
        question=question,
        options=options,
        answer=lettered(entry.GT, options),
        group=pair["pair"],
        facets=known.get(pair["pair"], ()),
    )


def _split(text: str) -> tuple[str, tuple[str, ...]]:
    """The question, and the options that its text ends with ("A. .. B. .."). Raises SampleError."""
    marks = list(re.finditer(r"(?:^|\n|\s)\(?([AB])[.):]\s", text))
    first = next((mark for mark in marks if mark[1] == "A"), None)
    second = next((mark for mark in marks if first and mark.start() > first.start() and mark[1] == "B"), None)
    if first is None or second is None or not text[: first.start()].strip():
        raise SampleError(f"question {shown(text)} does not end with the options A. and B.")
    options = (text[first.end() : second.start()].strip(), text[second.end() :].strip())
    return text[: first.start()].strip(), options


VINOGROUND = Dataset(
    name="vinoground",
    description="Vinoground: 500 counterfactual pairs; text, video and group score (HanSolo9682/Vinoground)",
    load=_load,
    needs_root=True,
    layout=LAYOUT,
    hub="HanSolo9682/Vinoground",
    style="vinoground",
    group_scores={"text": (("text",), 2), "video": (("video",), 2), "group": (("text", "video"), 4)},
    scoring="lmms_vinoground",
    counts=COUNTS,
    total=2000,
)
