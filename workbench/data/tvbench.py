"""TVBench's folder format, which MVBench has too: json/{task}.json beside the clips in video/."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from workbench.data.archives import unpack_first
from workbench.data.collection import Samples
from workbench.data.confine import ClipMissing, find_clip
from workbench.data.dataset import Dataset, check_limit
from workbench.data.entry import Entry, Ids, nothing_usable, read_list, validated
from workbench.data.options import text_index
from workbench.data.origins import MVBENCH_FOLDERS, WITHHELD
from workbench.data.reading import task_key
from workbench.data.sample import Sample, Skipped
from workbench.errors import SampleError, near_matches, printable, shown
from workbench.spelling import nfc, spelled

LAYOUT = "json/TASK.json, a list of {video, question, candidates, answer}, and the clips in video/TASK/"

MTF_TASKS = ("action_antonym", "action_sequence", "scene_transition", "moving_direction", "object_count")
"""The five tasks that "Map the Flow" studies."""
TASKS = (
    "action_antonym",
    "action_count",
    "action_localization",
    "action_sequence",
    "egocentric_sequence",
    "moving_direction",
    "object_count",
    "object_shuffle",
    "scene_transition",
    "unexpected_action",
)
"""All that TVBench has."""


def load_folder(
    root: str | Path,
    *,
    tasks: Iterable[str] | None = None,
    limit: int | None = None,
    name: str | None = None,
    strict: bool = True,
) -> Samples:
    """The samples of a folder in TVBench's format. Clips are looked up, not opened.

    Clips may lie in video/TASK/, in video/, in the folder itself, or where MVBench's archives put them.
    Entries that cannot be used are listed in `.skipped`; a task that is asked for by name needs at least one
    usable entry, and so does the folder. Other tasks without any clip are left out, with a warning that says
    why.

    Args:
        tasks: which json/TASK.json to read, in this order; None reads all, sorted by name.
        limit: the first so many usable entries of each task, in the order of the file.
        strict: False leaves tasks without clips out even where they are named.

    Raises SampleError: no such folder or task, a file that is no list in JSON, nothing usable.
    """
    check_limit(limit)
    folder = spelled(Path(root).expanduser().absolute())
    files = _annotations(folder)
    chosen = tuple(files) if tasks is None else _choose(tasks, tuple(files), folder)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    without_clips: list[str] = []
    for task in chosen:
        found, left_out, missing = _read_task(folder, task, files[task], limit)
        if tasks is not None and strict and not found:
            raise nothing_usable(str(files[task]), left_out, root=folder)
        if missing and not found:
            without_clips.append(_left_out(folder, task, missing))
        samples += found
        skipped += left_out
    if not samples:
        raise nothing_usable(str(folder), skipped, root=folder)
    for said in without_clips:
        warnings.warn(printable(said), stacklevel=2)
    return Samples(samples, name=name or folder.name, source=folder, skipped=skipped)


def _annotations(root: Path) -> dict[str, Path]:
    """The annotation file of each task, sorted by name."""
    if not root.is_dir():
        raise SampleError(f"{shown(str(root))} is no folder: give the folder that holds {LAYOUT}")
    found: dict[str, Path] = {}
    for file in sorted(root.glob("json/*.json")):
        # Archives made on a Mac leave hidden twins "._task.json" behind.
        if not file.is_file() or file.name.startswith("."):
            continue
        if nfc(file.stem) in found:
            raise SampleError(
                f"{file.parent} has two files {shown(file.name)}, whose names look the same: remove one"
            )
        found[nfc(file.stem)] = file
    if found:
        return found
    nearby = [folder for folder in (root.parent, *sorted(root.glob("*/"))) if any(folder.glob("json/*.json"))]
    hint = f" Did you mean {nearby[0]}?" if nearby else ""
    raise SampleError(f"{root} holds no annotations: a data set folder has {LAYOUT}.{hint}")


def _choose(tasks: Iterable[str], known: tuple[str, ...], root: Path) -> tuple[str, ...]:
    """The asked tasks as the files call them: "Moving Direction" is moving_direction."""
    by_key = {task_key(task): task for task in known}
    chosen = []
    for task in tasks:
        if task_key(task) not in by_key:
            hint = near_matches(task_key(task), by_key)
            raise SampleError(f"{root} has no task {shown(task)}; it has {', '.join(known)}.{hint}")
        chosen.append(by_key[task_key(task)])
    return tuple(dict.fromkeys(chosen))


class _Read(NamedTuple):
    """What a task's file holds."""

    samples: list[Sample]
    skipped: list[Skipped]
    missing: int
    """How many were skipped because there is no clip; 0 where any was for another reason."""


def _read_task(root: Path, task: str, file: Path, limit: int | None) -> _Read:
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    missing = 0
    ids = Ids()
    known = (f"video/{folder}" for folder in MVBENCH_FOLDERS.get(task_key(task), ()))
    places = (f"video/{task}", "video", ".", *known)
    for position, raw in enumerate(read_list(file, root, LAYOUT), start=1):
        if len(samples) == limit:
            break
        id = ids.take(task, raw, position)
        try:
            sample = _to_sample(id, task, raw, root, places)
            samples.append(replace(sample, place=position - 1))
        except SampleError as problem:
            skipped.append(Skipped(id, f"entry {position} of {file.name}: {problem}"))
            missing += isinstance(problem, ClipMissing)
    return _Read(samples, skipped, missing if missing == len(skipped) else 0)


def _left_out(root: Path, task: str, count: int) -> str:
    """Why a task is left out whose clips are not there, and what to do."""
    remedy = f"Put them into {root / 'video' / task}, or name the other tasks (tasks=, --tasks)."
    remedy = unpack_first(root) or remedy
    why = WITHHELD.get(task_key(task))
    return f"Task {shown(task)} is left out: no clip of its {count} questions is there. {why or remedy}"


def _to_sample(id: str, task: str, raw: object, root: Path, places: tuple[str, ...]) -> Sample:
    entry = validated(Entry, raw)
    options = tuple(entry.candidates or ())
    if options and entry.answer is None:
        raise SampleError("'answer' is missing: write the text of the true candidate")
    if not options and entry.stem is None:
        raise SampleError("there are no candidates, and no stem that would make the question open-ended")
    return Sample(
        id=id,
        task=task,
        video=find_clip(root, entry.video, places),
        question=entry.question,
        options=options,
        answer=None if entry.answer is None else text_index(entry.answer, options),
        start=entry.start,
        end=entry.end,
        stem=entry.stem,
        open_answer=entry.open_answer,
    )


def _load(root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool) -> Samples:
    assert root is not None, "the registry asks for root where needs_root is set"
    return load_folder(root, tasks=tasks, limit=limit, name="tvbench", strict=strict)


def _load_open(root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool) -> Samples:
    """The same questions without their options; the true candidate is the answer in words."""
    found = _load(root, tasks, limit, strict)
    opened = [
        sample
        if not sample.options
        else replace(sample, options=(), answer=None, open_answer=sample.open_answer or sample.true_option)
        for sample in found
    ]
    return Samples(opened, name="tvbench_open", source=found.source, skipped=found.skipped)


TVBENCH = Dataset(
    name="tvbench",
    description="TVBench: 10 tasks that need time, multiple choice (FunAILab/TVBench on the hub)",
    load=_load,
    needs_root=True,
    layout=LAYOUT,
    hub="FunAILab/TVBench",
    style="mvbench",
    scoring="lmms_tvbench",
    frames="midpoints(8)",
    counts=dict.fromkeys(TASKS),
    papers_tasks=True,
)
TVBENCH_OPEN = Dataset(
    name="tvbench_open",
    description="TVBench without its options: open-ended questions, answered in the candidate's words",
    load=_load_open,
    needs_root=True,
    layout=LAYOUT,
    hub="FunAILab/TVBench",
    style="open",
    frames="midpoints(8)",
    counts=dict.fromkeys(TASKS),
    papers_tasks=True,
)
