"""From the entries of a benchmark to its samples: which tasks, how many, and what could not be used.

A benchmark's module says how each entry becomes a sample; everything that all of them share is here.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.data.archives import unpack_first
from workbench.data.collection import Samples
from workbench.data.confine import ClipMissing, find_clip
from workbench.data.dataset import check_limit
from workbench.data.options import LETTERS
from workbench.data.sample import Sample, Skipped
from workbench.errors import SampleError, near_matches, shown
from workbench.spelling import nfc, spelled

CONTAINERS = (".mp4", ".MP4", ".mkv", ".webm", ".avi", ".mov", ".gif")
"""What the files of a clip may end in where an annotation names it without."""
_MARK = re.compile(r"\s*\(?([A-Z])[.):]\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One entry of a benchmark, before it is a sample."""

    task: str
    id: str
    """Inside its task; where it is used twice, the second is skipped."""
    where: str
    """For messages: "row 3 of test.parquet"."""
    build: Callable[[str, str], Sample]
    """The sample, from the task's key and the whole id. Raises SampleError."""


def task_key(task: str) -> str:
    """A task's name as files spell it: lower case, words joined by underscores."""
    return re.sub(r"[\s_/&-]+", "_", nfc(task).strip()).strip("_").lower()


def gather(
    questions: Iterable[Question],
    *,
    name: str,
    root: Path,
    tasks: Iterable[str] | None,
    limit: int | None,
    strict: bool,
    known: Sequence[str] = (),
) -> Samples:
    """The samples of a benchmark in `root`, task by task as they first come.

    Entries that cannot be used are listed in `.skipped`. A task that is asked for by name needs a usable
    entry where `strict`. `known` are the tasks that the benchmark has, for messages. Raises SampleError for a
    task that does not exist, and where nothing is usable.
    """
    check_limit(limit)
    listed = list(questions)
    there = list(dict.fromkeys(task_key(question.task) for question in listed)) or list(known)
    wanted = there if tasks is None else _choose(tasks, there, root)
    samples: dict[str, list[Sample]] = {task: [] for task in wanted}
    skipped: list[Skipped] = []
    used: Counter[str] = Counter()
    counted: Counter[str] = Counter()
    missing = 0
    for question in listed:
        task = task_key(question.task)
        if task not in samples:
            continue
        id = f"{task}/{_printed(question.id)}"
        used[id] += 1
        place, counted[task] = counted[task], counted[task] + 1
        if len(samples[task]) == limit:
            continue
        try:
            if used[id] > 1:
                raise SampleError(f"the id {shown(id)} is there already: entries need ids of their own")
            samples[task].append(dataclasses.replace(question.build(task, id), place=place))
        except SampleError as problem:
            skipped.append(
                Skipped(id if used[id] == 1 else f"{id}#{used[id]}", f"{question.where}: {problem}")
            )
            missing += isinstance(problem, ClipMissing)
    found = [sample for task in wanted for sample in samples[task]]
    empty = [task for task in wanted if not samples[task]]
    if not found or (tasks is not None and strict and empty):
        raise _nothing(root, skipped, empty, missing)
    return Samples(found, name=name, source=root, skipped=skipped)


def _choose(tasks: Iterable[str], there: Sequence[str], root: Path) -> list[str]:
    chosen = []
    for task in tasks:
        key = task_key(task)
        if key not in there:
            hint = near_matches(key, there)
            raise SampleError(f"{root} has no task {shown(task)}; it has {', '.join(there)}.{hint}")
        chosen.append(key)
    return list(dict.fromkeys(chosen))


def _nothing(root: Path, skipped: Sequence[Skipped], empty: Sequence[str], missing: int) -> SampleError:
    reasons = "; ".join(f"{one.id}: {one.reason}" for one in skipped[:3])
    more = f"; and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    what = f"tasks {', '.join(empty)} of {root}" if empty else str(root)
    remedy = "Correct the annotations or put the clips in their place."
    if missing:
        remedy = unpack_first(root) or remedy
    found = f"no usable entry among {len(skipped)} ({reasons}{more})" if skipped else "there are no entries"
    return SampleError(f"{what}: {found}. {remedy}")


def folder_of(root: Path | None) -> Path:
    """The folder of a data set. Raises SampleError where there is none."""
    assert root is not None, "the registry asks for root where needs_root is set"
    folder = spelled(Path(root).expanduser().absolute())
    if not folder.is_dir():
        raise SampleError(f"{shown(str(root))} is no folder: give the folder that the download left")
    return folder


def clip_called(root: Path, name: str, folders: Sequence[str], *, endings: Sequence[str] = ()) -> Path:
    """The clip `name` in one of the folders of `root`, with one of these endings where it has none.

    Raises SampleError as `find_clip`.
    """
    last: ClipMissing | None = None
    for ending in endings or ("",):
        try:
            return find_clip(root, name + ending, tuple(folders))
        except ClipMissing as problem:
            last = last or problem
    assert last is not None
    raise last


def unmarked(options: Sequence[str]) -> tuple[str, ...]:
    """Options without the letters that files put before them ("A. left", "(B) right").

    Only where every option has its own letter, in order.
    """
    found = [_MARK.match(option) for option in options]
    if all(mark and mark[1] == letter for mark, letter in zip(found, LETTERS, strict=False)):
        return tuple(
            option[mark.end() :].strip() for option, mark in zip(options, found, strict=True) if mark
        )
    return tuple(options)


def lettered(answer: object, options: Sequence[str]) -> int | None:
    """Index of the option that an answer's letter names; None where the file gives no answer.

    Raises SampleError for anything else.
    """
    if answer is None or (isinstance(answer, str) and answer.strip() in ("", "None", "N/A")):
        return None
    letter = answer.strip().upper().strip("().") if isinstance(answer, str) else ""
    if len(letter) == 1 and letter in LETTERS[: len(options)]:
        return LETTERS.index(letter)
    raise SampleError(f"answer {shown(answer)} is no letter of {len(options)} options")


def indexed(answer: object, options: Sequence[str]) -> int | None:
    """An answer that is an index from 0, as a number or its digits; None where the file gives none.

    Raises SampleError for one outside the options, and for anything else.
    """
    if answer is None or (isinstance(answer, str) and answer.strip() in ("", "None", "N/A", "-1")):
        return None
    digits = isinstance(answer, str) and answer.strip().isdecimal() and len(answer) < 10
    whole = isinstance(answer, int) and not isinstance(answer, bool)
    index = int(answer) if digits or whole else -1  # type: ignore[call-overload]
    if index == -1 and whole and answer == -1:
        return None  # how files of test sets say that nobody is told
    if not 0 <= index < len(options):
        raise SampleError(f"answer {shown(answer)} is no index of the {len(options)} options, from 0")
    return index


def facets(entry: Mapping[str, object], *names: str) -> tuple[tuple[str, str], ...]:
    """The facets of these names that an entry has."""
    return tuple((name, str(entry[name])) for name in names if entry.get(name) not in (None, ""))


def _printed(id: str) -> str:
    """An id is printed in many places: nothing in it may move a cursor or break a line."""
    return "".join(letter if letter.isprintable() else "_" for letter in nfc(id)) or "_"
