"""Annotations from outside: their form (pydantic), their ids, and the reason where one cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from workbench.data.archives import unpack_first
from workbench.data.confine import inside
from workbench.data.sample import Skipped
from workbench.errors import SampleError, printable, shown
from workbench.foreign import read_json
from workbench.spelling import nfc

Seconds = Annotated[float, Field(allow_inf_nan=False)]
Words = Annotated[str | None, AfterValidator(lambda text: text if text and text.strip() else None)]
"""Files often write "" for what is not there."""
AnyEntry = TypeVar("AnyEntry", bound=BaseModel)


class Entry(BaseModel):
    """One question of a TVBench or MVBench file. Fields that the workbench does not use are left alone."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    video: str
    question: str
    candidates: list[str] | None = None
    answer: str | None = None
    start: Seconds | None = None
    end: Seconds | None = None
    stem: Words = None
    open_answer: Words = None


class OwnEntry(BaseModel):
    """One question of a user's own list or table."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    video: str
    question: str
    options: list[str] | None = None
    answer: object = None
    """A text, a letter or an index: `own_answer_index` tells them apart."""
    start: Seconds | None = None
    end: Seconds | None = None
    stem: Words = None
    open_answer: Words = None
    task: str | None = None
    id: str | None = None
    group: Words = None
    facets: dict[str, str] | None = None
    subtitles: object = None
    """The path of an srt file, or a list of (start, end, text): `own_subtitles` tells them apart."""


def read_list(file: Path, root: Path, layout: str) -> list[object]:
    """The entries of a JSON file in the folder of a data set, which should hold `layout`.

    Raises SampleError where the file cannot be read, or holds no list.
    """
    if not inside(file, root):
        raise SampleError(f"{file} is a link that leads out of {root}: put the annotations themselves there")
    content = read_json(file, error=SampleError)
    if not isinstance(content, list):
        raise SampleError(f"{file} holds {shown(content)}, not a list of questions: it needs {layout}")
    return content


def validated(model: type[AnyEntry], entry: object) -> AnyEntry:
    """The entry as `model`. Raises SampleError with the first thing that is wrong."""
    if not isinstance(entry, dict):
        raise SampleError(f"it is {shown(entry)}, not an object with 'video', 'question' and so on")
    try:
        return model.model_validate(entry)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
    field = "".join(f"[{part}]" if isinstance(part, int) else str(part) for part in first["loc"])
    if first["type"] == "missing":
        raise SampleError(f"{field!r} is missing")
    message = first["msg"].removeprefix("Input ")
    raise SampleError(f"{field} is {shown(first['input'])}: it {message}")


class Ids:
    """Hands out "task/stem", then "task/stem#2", "task/stem#3" for more questions on one clip.

    Asked once for every entry of a file in order, usable or not, so that an id depends neither on a limit nor
    on which clips are there.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._counts: Counter[str] = Counter()

    def take(self, task: str, entry: object, position: int) -> str:
        """The id of the entry at `position` (from 1) of its file."""
        video = entry.get("video") if isinstance(entry, dict) else None
        stem = PurePath(video).stem if isinstance(video, str) else ""
        # An id is printed in many places: nothing in it may move a cursor or break a line.
        stem = "".join(letter if letter.isprintable() else "_" for letter in stem)
        task, stem = printable(nfc(task)), nfc(stem)
        base = f"{task}/{stem}" if stem.strip() else f"{task}/entry-{position}"
        while True:
            self._counts[base] += 1
            count = self._counts[base]
            id = base if count == 1 else f"{base}#{count}"
            if id not in self._used:
                self._used.add(id)
                return id


def nothing_usable(where: str, skipped: Sequence[Skipped], *, root: Path | None = None) -> SampleError:
    """The error for a source without a single usable entry: names the first few reasons."""
    reasons = "; ".join(f"{entry.id}: {entry.reason}" for entry in skipped[:3])
    more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    found = f"no usable entry among {len(skipped)} ({reasons}{more})" if skipped else "it has no entries"
    remedy = "Correct the annotations or put the clips in their place."
    if root is not None:
        remedy = unpack_first(root) or remedy
    return SampleError(f"{where}: {found}. {remedy}")
