"""Where the samples of a run are measured: in this process; `workers` has another way."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from workbench.errors import NotFinite, OutOfMemory, WorkbenchError, out_of_memory, printable
from workbench.runs.encoding import Encoder, free_cached
from workbench.runs.measurement import Done, Measurement
from workbench.runs.record import Asked, Record

if TYPE_CHECKING:
    from workbench.models import VideoLLM
    from workbench.prompts.prompt import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A measurement, and what it is taken of."""

    model: VideoLLM
    measurement: Measurement
    encoder: Encoder
    """Has the samples, and makes their prompts."""
    prompts: dict[str, Prompt] | None = None
    """Where given, the prompts that were measured are kept in it, by the sample's id."""


class Executor(Protocol):
    """Measures groups of samples, somewhere."""

    def run(self, job: Job, groups: Iterable[Sequence[int]], on_done: Done) -> Iterator[Mapping[int, Record]]:
        """The records of each group, by position; groups may come in any order, each as soon as it is done.

        A sample that cannot be encoded, whose numbers are not finite, or that does not fit into memory even
        alone, gives a record that says why. Any other exception passes, with the ids of the group's samples
        in its notes.
        """
        ...

    def device_of(self, model: VideoLLM) -> str:
        """The kind of device that measures: cuda or cpu."""
        ...


class ThisProcess:
    """One group after another, on the model as it is loaded here."""

    def device_of(self, model: VideoLLM) -> str:
        """See Executor."""
        return str(model.device).split(":")[0] if model.remote in (None, "local") else "remote"

    def run(self, job: Job, groups: Iterable[Sequence[int]], on_done: Done) -> Iterator[Mapping[int, Record]]:
        """See Executor."""
        begun = time.perf_counter()
        for group in job.encoder.groups(groups):
            records = measure_group(job, group, on_done)
            yield timed(records, time.perf_counter() - begun)
            begun = time.perf_counter()


_CURRENT: ContextVar[Executor | None] = ContextVar("executor", default=None)


@contextmanager
def using(executor: Executor) -> Iterator[None]:
    """Whatever is measured while the context is open is measured by this executor."""
    before = _CURRENT.set(executor)
    try:
        yield
    finally:
        _CURRENT.reset(before)


_ASSIGNED: WeakKeyDictionary[VideoLLM, Executor] = WeakKeyDictionary()


def assign(model: VideoLLM, executor: Executor) -> None:
    """Whatever is measured of this model is measured by this executor."""
    _ASSIGNED[model] = executor


def current(model: VideoLLM) -> Executor:
    """The executor whose context is open, or that of the model; else this process."""
    return _CURRENT.get() or _ASSIGNED.get(model) or ThisProcess()


def measure_group(
    job: Job, group: Sequence[Asked | tuple[int, WorkbenchError]], on_done: Done
) -> dict[int, Record]:
    """The records of one group of a job's encoder, by position. Every executor measures by this.

    Raises as Executor.run.
    """
    records: dict[int, Record] = {}
    asked = []
    for one in group:
        if isinstance(one, Asked):
            asked.append(one)
        else:
            position, error = one
            records[position] = job.measurement.skip(job.encoder.samples[position], str(error))
    if job.prompts is not None:
        job.prompts.update((one.sample.id, one.prompt) for one in asked)
    return records | {one.position: record for one, record in _measured(job, asked, on_done)}


def _measured(job: Job, asked: Sequence[Asked], on_done: Done) -> list[tuple[Asked, Record]]:
    """Samples with their records; of those whose numbers are not finite, or that do not fit into memory, that
    they are skipped."""
    try:
        made = job.measurement.measure(job.model, asked, on_done) if asked else []
        return list(zip(asked, made, strict=True))
    except NotFinite as error:
        reason = error
    except Exception as error:
        reason = out_of_memory(error)
        if reason is None:
            _name(asked, error)
            raise
    # Outside the except block, whose traceback keeps memory.
    if isinstance(reason, OutOfMemory):
        free_cached()
    if len(asked) == 1:
        return [(asked[0], job.measurement.skip(asked[0].sample, str(reason)))]
    # It does not say which sample it was: each by itself.
    return [pair for one in asked for pair in _measured(job, [one], on_done)]


def _name(asked: Sequence[Asked], error: Exception) -> None:
    """Put the samples into an error's notes."""
    named = ", ".join(f"{one.sample.id!r} ({printable(one.sample.video)})" for one in asked)
    error.add_note(f"This happened on {'sample' if len(asked) == 1 else 'the samples'} {named}.")


def timed(records: Mapping[int, Record], seconds: float) -> dict[int, Record]:
    """The records of a group, in order, each with its part of the wall time where its answer is kept."""
    each = seconds / len(records)
    return {
        position: record
        if record.sample is None
        else record._replace(sample=record.sample._replace(seconds=each))
        for position, record in sorted(records.items())
    }
