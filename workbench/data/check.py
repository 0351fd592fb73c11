"""Is a benchmark's folder whole? Counts against the published ones; clips that are missing or unreadable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.data.archives import unopened
from workbench.data.collection import Samples
from workbench.data.dataset import Dataset
from workbench.data.sample import Sample
from workbench.errors import ClipError, SampleError
from workbench.progress import progress_bar

if TYPE_CHECKING:
    import pandas as pd

_AT_ONCE = 4
_KINDS = (
    ("duplicated id", re.compile(r": the id .+ is there already: ")),
    ("wrong answer", re.compile(r": answer .+ is (?:no|not one) ")),
    ("no clip", re.compile(r"\bclip .+ not found\b")),
)
"""What an entry is skipped for, by the reason that its loader gave."""
_OTHER = "unusable entry"


class Fault(NamedTuple):
    """Something that is not as it should be."""

    id: str
    """Of the entry, or the file."""
    kind: str
    """no clip, unreadable clip, duplicated id, wrong answer (outside the options), unusable entry, count, or
    not unpacked."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What a check found."""

    tasks: pd.DataFrame
    """One row a task: task, questions, published, clips, missing, unreadable, unusable, without_answer,
    seconds_min, seconds_median, seconds_max; published is missing where nobody says."""
    faults: pd.DataFrame
    """One row a fault. Columns: `Fault`."""
    opened: bool
    """Whether clips were opened."""

    @property
    def clean(self) -> bool:
        """Whether there is no fault."""
        return not len(self.faults)


def check(
    data: Samples, dataset: Dataset | None = None, *, open_clips: bool = True, progress: bool = True
) -> Checked:
    """Check samples as they were loaded, with all that was skipped: `check(wb.samples("tvbench", root=..))`.

    Args:
        dataset: what is known of it, for counts; found by the samples' name if not given.
        open_clips: decode a frame of every clip. False only looks whether it is there.
    """
    import pandas as pd

    from workbench.data.registry import DATASETS

    dataset = dataset or DATASETS.get(data.name)
    seconds, faults = _opened(data, progress) if open_clips else ({}, [])
    faults += [Fault(one.id, _kind(one.reason), one.reason) for one in data.skipped]
    published = dict(dataset.counts) if dataset is not None else {}
    tasks = list(dict.fromkeys([*data.tasks, *(one.id.partition("/")[0] for one in data.skipped)]))
    rows = []
    for task in tasks:
        samples = [sample for sample in data if sample.task == task]
        here = [fault for fault in faults if fault.id.startswith(f"{task}/")]
        kinds = [fault.kind for fault in here]
        lengths = [seconds[sample.video] for sample in samples if sample.video in seconds]
        unusable = sum(kinds.count(kind) for kind in ("duplicated id", "wrong answer", _OTHER))
        questions = len(samples) + kinds.count("no clip") + unusable
        expected = published.get(task)
        if expected is not None and expected != questions:
            faults.append(Fault(f"{task}/", "count", f"{questions} questions, and {expected} are published"))
        rows.append(
            {
                "task": task,
                "questions": questions,
                "published": expected,
                "clips": len({sample.video for sample in samples}),
                "missing": kinds.count("no clip"),
                "unreadable": kinds.count("unreadable clip"),
                "unusable": unusable,
                "without_answer": sum(_without_answer(sample) for sample in samples),
                "seconds_min": min(lengths, default=np.nan),
                "seconds_median": float(np.median(lengths)) if lengths else np.nan,
                "seconds_max": max(lengths, default=np.nan),
            }
        )
    if dataset is not None:
        faults += _whole(dataset, tasks, sum(int(row["questions"]) for row in rows))
    if data.source is not None:
        faults += [
            Fault(archive.name, "not unpacked", f"run 'workbench data unpack {data.source}'")
            for archive in unopened(data.source)
        ]
    table = pd.DataFrame(rows).astype({"published": "Int64"}) if rows else pd.DataFrame(rows)
    return Checked(tasks=table, faults=pd.DataFrame(faults, columns=list(Fault._fields)), opened=open_clips)


def _without_answer(sample: Sample) -> bool:
    return sample.answer is None and sample.open_answer is None


def _kind(reason: str) -> str:
    return next((kind for kind, said in _KINDS if said.search(reason)), _OTHER)


def _whole(dataset: Dataset, tasks: Sequence[str], questions: int) -> list[Fault]:
    """Tasks that are not there, and a sum that is not the published one where tasks alone do not say it."""
    if set(tasks) & set(dataset.apart):
        return []
    usual = {task: count for task, count in dataset.counts.items() if task not in dataset.apart}
    faults = [Fault(f"{task}/", "count", "the task is not there") for task in usual if task not in tasks]
    if dataset.total not in (None, questions) and (not usual or None in usual.values()):
        said = f"{questions} questions in all, and {dataset.total} are published"
        faults.append(Fault(dataset.name, "count", said))
    return faults


def _opened(data: Samples, progress: bool) -> tuple[dict[Path, float], list[Fault]]:
    """Seconds of every clip that can be read, and a fault for each sample of one that cannot."""
    clips: dict[Path, list[Sample]] = {}
    for sample in data:
        clips.setdefault(sample.video, []).append(sample)
    seconds: dict[Path, float] = {}
    faults: list[Fault] = []
    with (
        progress_bar(len(clips), what="clips", unit=" clips", show=progress) as bar,
        ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="check") as threads,
    ):
        for (path, samples), found in zip(clips.items(), threads.map(_seconds, clips.values()), strict=True):
            if not isinstance(found, str):
                seconds[path] = found
            else:
                faults += [Fault(sample.id, "unreadable clip", found) for sample in samples]
            bar.update(1)
    return seconds, faults


def _seconds(samples: Sequence[Sample]) -> float | str:
    """How long a clip is, after a frame in the middle of each sample's bounds was decoded; or why not."""
    from workbench.video import read_clip

    try:
        found = 0.0
        for start, end in dict.fromkeys((sample.start, sample.end) for sample in samples):
            found = float(read_clip(samples[0].video, 1, start=start, end=end).duration or 0.0)
        return found
    except (ClipError, SampleError) as problem:
        return str(problem)
