"""Evaluations that lmms-eval has finished: the samples that were asked there, and what was answered.

lmms-eval (--log_samples) leaves a file a task, DATE_samples_TASK.jsonl, with the prompt, the answer and the
metrics of each question, but no name that every benchmark's questions could be found by. A line belongs to
the sample whose question and options stand in its prompt and whose clip or id the line names, or, where it
names none, to the one with its number in the task. What is not certain is left out and listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import pandas as pd
from pydantic import BaseModel, ConfigDict

from workbench.analyses.answers.scored import Accuracy, score_answers
from workbench.data import DATASETS, Sample, Samples, as_samples
from workbench.data.annotations import read_rows
from workbench.data.reading import task_key
from workbench.errors import RunError, SampleError, shown
from workbench.foreign import validated

FACET = "logged"
"""The facet of samples that says whether the recorded answer is right."""
_NAMED = re.compile(r"_samples_(?P<task>.+)\.jsonl")
_DEEPEST = 6


class _Line(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    doc_id: int
    input: str
    filtered_resps: Any = None


class Entry(NamedTuple):
    """One question of a log."""

    where: str
    """For messages: "line 3 of .._samples_tvbench_action_count.jsonl"."""
    task: str
    """lmms-eval's name of the task; empty where the file's name does not say."""
    number: int
    """Of the question in its task, from 0."""
    prompt: str
    text: str | None
    """What was answered; None where no text was recorded."""
    names: frozenset[str]
    """Ids and clips that the line names, endings of files left out."""


@dataclass(frozen=True, kw_only=True)
class Logged:
    """What a finished evaluation says of samples."""

    samples: Samples
    """Those that were asked there, in the data set's order; their facet `logged` is right, wrong, or none
    where no answer was recorded."""
    texts: dict[str, str]
    """The recorded answers by the id of their sample."""
    accuracy: Accuracy | None
    """What these come to; None where there are none."""
    unmatched: pd.DataFrame
    """Lines that belong to no sample, or to no certain one: where, reason."""


def from_logs(
    samples: Samples | Sequence[Sample],
    files: Path | str | Iterable[Path | str],
    *,
    scoring: str | None = None,
) -> Logged:
    """The samples that lmms-eval asked, with what was answered there.

    Args:
        files: logs of lmms-eval, DATE_samples_TASK.jsonl.
        scoring: the rule that reads the recorded answers; that of lmms-eval for this data set if not given.

    Raises SampleError for a file that is no such log, RunError where no line belongs to a sample.
    """
    samples = as_samples(samples)
    listed = [files] if isinstance(files, str | Path) else list(files)
    index = _Index(samples)
    found: dict[str, Entry] = {}
    unmatched = []
    for entry in (entry for file in listed for entry in read_log(Path(file))):
        sample = index.find(entry)
        if isinstance(sample, str) or sample.id in found:
            why = sample if isinstance(sample, str) else f"its sample {shown(sample.id)} has a line already"
            unmatched.append((entry.where, why))
        else:
            found[sample.id] = entry
    if not found:
        why = f": {unmatched[0][0]}: {unmatched[0][1]}" if unmatched else ", they are empty"
        raise RunError(
            f"No line of the logs belongs to one of {len(samples)} samples of {samples.name}{why}."
        )
    kept = samples.filter(lambda sample: sample.id in found)
    texts = {id: entry.text for id, entry in found.items() if entry.text is not None}
    dataset = DATASETS.get(samples.name)
    rule = scoring or (dataset.scoring if dataset is not None else None) or "workbench"
    accuracy = score_answers(kept, texts, scoring=rule) if texts else None
    said = (
        {}
        if accuracy is None
        else dict(zip(*accuracy.answers[["sample_id", "correct"]].T.values, strict=True))
    )
    marked = [replace(one, facets=(*one.facets, (FACET, _verdict(said.get(one.id))))) for one in kept]
    return Logged(
        samples=Samples(marked, name=samples.name, source=samples.source, skipped=samples.skipped),
        texts=texts,
        accuracy=accuracy,
        unmatched=pd.DataFrame(unmatched, columns=pd.Index(["where", "reason"])),
    )


def _verdict(correct: bool | None) -> str:
    return "none" if correct is None else "right" if correct else "wrong"


def read_log(file: Path) -> Iterator[Entry]:
    """The questions of a log of lmms-eval, in order. Raises SampleError where it is none."""
    if file.suffix != ".jsonl" or not file.is_file():
        raise SampleError(
            f"{file} is no log of lmms-eval: give its DATE_samples_TASK.jsonl, which --log_samples leaves."
        )
    named = _NAMED.search(file.name)
    for row in read_rows(file):
        line = validated(_Line, row.entry, source=f"{row.where} (a log of lmms-eval)", error=SampleError)
        more = line.model_extra or {}
        yield Entry(
            where=row.where,
            task=task_key(named["task"]) if named else "",
            number=line.doc_id,
            prompt=_spaced(line.input),
            text=_first_text(line.filtered_resps),
            names=frozenset(
                part for text in _texts(more, 0) for part in (text, PurePath(text).stem) if part.strip()
            ),
        )


class _Index:
    """Samples by what a line of a log says of them."""

    def __init__(self, samples: Samples) -> None:
        self._samples = list(samples)
        self._tasks = {task_key(task): task for task in samples.tasks}
        self._parts = {one.id: [_spaced(part) for part in (one.question, *one.options)] for one in samples}

    def find(self, entry: Entry) -> Sample | str:
        """The sample of a line; why there is none, otherwise."""
        task = next((name for key, name in self._tasks.items() if entry.task.endswith(key)), None)
        asked = [
            sample
            for sample in self._samples
            if (task is None or sample.task == task)
            and all(part in entry.prompt for part in self._parts[sample.id])
        ]
        if not asked:
            return "no sample has its question and options"
        if named := [sample for sample in asked if self._named(sample, entry)]:
            asked = named
        elif task is not None:  # a question that stands there alone may be another of the same words
            asked = [sample for sample in asked if sample.place in (None, entry.number)]
        if not asked:
            return f"question {entry.number} of the task is not among the samples"
        if len(asked) > 1:
            asked = [sample for sample in asked if sample.place == entry.number] or asked
        if len(asked) > 1:
            return f"{len(asked)} samples have its question and options, and nothing tells which it is"
        return asked[0]

    @staticmethod
    def _named(sample: Sample, entry: Entry) -> bool:
        own = sample.id.partition("/")[2] or sample.id
        return bool(entry.names & {own, sample.id, sample.video.stem})


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _first_text(value: Any, depth: int = 0) -> str | None:
    """The first text of what may be a text or lists of them."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or depth > _DEEPEST:
        return None
    return next((text for one in value if (text := _first_text(one, depth + 1)) is not None), None)


def _texts(value: Any, depth: int) -> Iterator[str]:
    """All keys and texts inside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth <= _DEEPEST:
        for key in value:
            if isinstance(key, str):
                yield key
            yield from _texts(value[key] if isinstance(value, dict) else key, depth + 1)
