"""A user's own questions: a list of dicts or the rows of a table."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from workbench.data.columns import COLUMNS, gathered, is_column, meant
from workbench.data.confine import check_clip, find_clip
from workbench.data.entry import Ids, OwnEntry, nothing_usable, validated
from workbench.data.options import Ambiguous, Answers, answer_index, check_answers
from workbench.data.sample import Sample, Skipped, Subtitle
from workbench.data.subtitles import read_srt
from workbench.errors import SampleError, shown
from workbench.spelling import spelled


class OwnSamples(NamedTuple):
    """What could be read, and what not."""

    samples: list[Sample]
    skipped: list[Skipped]
    root: Path | None


def read_entries(
    entries: Iterable[object], *, name: str, root: str | Path | None, answers: Answers | None
) -> OwnSamples:
    """The work of `Samples.from_list`. Raises SampleError for unknown keys, for an answer that can be read in
    two ways, and where no entry is usable.
    """
    check_answers(answers)
    if isinstance(entries, (str, bytes, Mapping)):
        raise SampleError(
            f"{shown(entries)} is not a list of dicts: put the dict of each question into a list"
        )
    folder = None if root is None else spelled(Path(root).expanduser().absolute())
    if folder is not None and not folder.is_dir():
        raise SampleError(f"root {shown(str(root))} is no folder: give the folder that holds the clips")
    found = OwnSamples([], [], folder)
    ids = Ids()
    for position, raw in enumerate(entries, start=1):
        entry = _plain(raw)
        task = entry.get("task") if isinstance(entry, dict) else None
        id = ids.take(task if isinstance(task, str) else name, entry, position)
        try:
            sample = own_sample(id, name, entry, folder, answers)
        except Ambiguous as problem:
            raise Ambiguous(f"samples {shown(name)}, entry {position}: {problem}") from None
        except SampleError as problem:
            found.skipped.append(Skipped(id, f"entry {position}: {problem}"))
        else:
            found.samples.append(sample)
    if not found.samples:
        raise nothing_usable(f"samples {shown(name)}", found.skipped)
    return found


def own_sample(
    id: str,
    name: str,
    raw: object,
    root: Path | None,
    answers: Answers | None = None,
    *,
    absolute: bool = False,
) -> Sample:
    """The sample of one entry; its clip lies in `root`, or, where `absolute`, wherever an absolute path says.

    Raises SampleError.
    """
    entry = validated(OwnEntry, raw)
    options = tuple(entry.options or ())
    if root is None or (absolute and Path(entry.video).is_absolute()):
        video = check_clip(Path(entry.video).expanduser().absolute())
    else:
        video = find_clip(root, entry.video, (".",))
    return Sample(
        id=entry.id or id,
        task=entry.task or name,
        video=video,
        question=entry.question,
        options=options,
        answer=None if entry.answer is None else answer_index(entry.answer, options, answers),
        start=entry.start,
        end=entry.end,
        stem=entry.stem,
        open_answer=entry.open_answer,
        group=entry.group,
        facets=tuple((entry.facets or {}).items()),
        subtitles=_subtitles(entry.subtitles, video.parent if root is None else root),
    )


def _subtitles(given: object, root: Path) -> tuple[Subtitle, ...]:
    """Of an entry: its lines, or those of the srt file that it names inside `root`."""
    if given is None or given == "":
        return ()
    if isinstance(given, str):
        return read_srt(find_clip(root, given, (".",)), root)
    if not isinstance(given, list):
        raise SampleError(
            f"subtitles is {shown(given)}: give the path of an srt file, or a list of (start, end, text)"
        )
    # What a line should be is for Sample to say.
    return cast("tuple[Subtitle, ...]", tuple(given))


def _plain(raw: object) -> object:
    """The entry in Python's own types: numpy and pandas values, paths and tuples are usual in notebooks.

    Raises SampleError for a key that does not exist: left alone, a misspelt "opitons" would quietly turn a
    multiple-choice question into an open one.
    """
    if not isinstance(raw, Mapping):
        return raw
    unknown = [key for key in raw if not is_column(key)]
    if unknown:
        raise SampleError(
            f"key {shown(unknown[0])} does not exist; the keys are {', '.join(COLUMNS)}."
            f"{meant(str(unknown[0]))} Rename it or leave it out."
        )
    return gathered({key: _plain_value(value) for key, value in raw.items()})


def _plain_value(value: object) -> object:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and math.isnan(value):
        return None  # an empty cell of a table
    return value
