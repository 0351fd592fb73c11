"""TVBench's folder format, which MVBench has too: json/{task}.json beside the clips in video/."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from workbench.data.collection import Samples
from workbench.data.confine import find_clip
from workbench.data.dataset import Dataset, check_limit
from workbench.data.entry import Entry, Ids, answer_index, nothing_usable, read_list, validated
from workbench.data.sample import Sample, Skipped
from workbench.errors import SampleError, near_matches, shown

LAYOUT = "json/TASK.json, a list of {video, question, candidates, answer}, and the clips in video/TASK/"

MTF_TASKS = ("action_antonym", "action_sequence", "scene_transition", "moving_direction", "object_count")
"""The five tasks that "Map the Flow" studies."""


def load_folder(
    root: str | Path, *, tasks: Iterable[str] | None = None, limit: int | None = None, name: str | None = None
) -> Samples:
    """The samples of a folder in TVBench's format. Clips are looked up, not opened.

    Clips may lie in video/TASK/, in video/ or in the folder itself. Entries that cannot be used are listed in
    `.skipped`; a task that is asked for by name needs at least one usable entry, and so does the folder.

    Args:
        tasks: which json/TASK.json to read, in this order; None reads all, sorted by name.
        limit: the first so many usable entries of each task, in the order of the file.

    Raises SampleError: no such folder or task, a file that is no list in JSON, nothing usable.
    """
    check_limit(limit)
    folder = Path(root).expanduser().absolute()
    files = _annotations(folder)
    chosen = tuple(files) if tasks is None else _choose(tasks, tuple(files), folder)
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    for task in chosen:
        found, left_out = _read_task(folder, task, files[task], limit)
        if tasks is not None and not found:
            raise nothing_usable(str(files[task]), left_out, root=folder)
        samples += found
        skipped += left_out
    if not samples:
        raise nothing_usable(str(folder), skipped, root=folder)
    return Samples(samples, name=name or folder.name, source=folder, skipped=skipped)


def _annotations(root: Path) -> dict[str, Path]:
    """The annotation file of each task, sorted by name."""
    if not root.is_dir():
        raise SampleError(f"{shown(str(root))} is no folder: give the folder that holds {LAYOUT}")
    files = sorted(root.glob("json/*.json"))
    # Archives made on a Mac leave hidden twins "._task.json" behind.
    found = {file.stem: file for file in files if file.is_file() and not file.name.startswith(".")}
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


def task_key(task: str) -> str:
    """A task's name as files spell it: lower case, words joined by underscores."""
    return re.sub(r"[\s_-]+", "_", task.strip()).lower()


def _read_task(root: Path, task: str, file: Path, limit: int | None) -> tuple[list[Sample], list[Skipped]]:
    samples: list[Sample] = []
    skipped: list[Skipped] = []
    ids = Ids()
    for position, raw in enumerate(read_list(file, root, LAYOUT), start=1):
        if len(samples) == limit:
            break
        id = ids.take(task, raw, position)
        try:
            samples.append(_to_sample(id, task, raw, root))
        except SampleError as problem:
            skipped.append(Skipped(id, f"entry {position} of {file.name}: {problem}"))
    return samples, skipped


def _to_sample(id: str, task: str, raw: object, root: Path) -> Sample:
    entry = validated(Entry, raw)
    options = tuple(entry.candidates or ())
    if options and entry.answer is None:
        raise SampleError("'answer' is missing: write the text of the true candidate")
    if not options and entry.stem is None:
        raise SampleError("there are no candidates, and no stem that would make the question open-ended")
    return Sample(
        id=id,
        task=task,
        video=find_clip(root, entry.video, (f"video/{task}", "video", ".")),
        question=entry.question,
        options=options,
        answer=None if entry.answer is None else answer_index(entry.answer, options),
        start=entry.start,
        end=entry.end,
        stem=entry.stem,
        open_answer=entry.open_answer,
    )


def _load(root: Path | None, tasks: tuple[str, ...] | None, limit: int | None) -> Samples:
    assert root is not None, "the registry asks for root where needs_root is set"
    return load_folder(root, tasks=tasks, limit=limit, name="tvbench")


TVBENCH = Dataset(
    name="tvbench",
    description="TVBench: 10 tasks that need time, multiple choice (FunAILab/TVBench on the hub)",
    load=_load,
    needs_root=True,
    layout=LAYOUT,
    papers_tasks=True,
)
