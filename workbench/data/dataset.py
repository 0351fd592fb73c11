"""What the registry knows about a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from workbench.data.collection import Samples
from workbench.errors import SampleError, shown


class Loader(Protocol):
    """Reads the samples. `root` is None exactly where the data set needs none; `strict` as in `samples`."""

    def __call__(
        self, root: Path | None, tasks: tuple[str, ...] | None, limit: int | None, strict: bool
    ) -> Samples: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A data set that `samples(name)` can load."""

    name: str
    description: str
    """One line for `workbench list data`."""
    load: Loader
    needs_root: bool
    """Whether the user says with root= where the files are."""
    layout: str
    """What lies where in its folder, for messages."""
    hub: str | None = None
    """Its id among the data sets of the hub, for `fetch`."""
    revision: str | None = None
    """The branch of the hub that has it in this layout; None is the main one."""
    style: str | None = None
    """The prompt style that its authors, or lmms-eval, ask it in."""
    frames: str | None = None
    """How they choose frames, where they say."""
    scoring: str | None = None
    """The rule of lmms-eval for its written answers: `workbench.measures.SCORINGS`."""
    group_scores: Mapping[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    """Scores of whole groups by name: the tasks whose questions must all be right, and how many these are."""
    counts: Mapping[str, int | None] = field(default_factory=dict)
    """Questions of each task as published; None where nobody says."""
    total: int | None = None
    """Questions in all as published."""
    apart: tuple[str, ...] = ()
    """Tasks that are loaded only where they are named: their questions are those of other tasks, or have no
    public answers."""
    papers_tasks: bool = False
    """Whether it has the tasks that Map the Flow studies, which its recipes then take by themselves."""


def check_limit(limit: int | None) -> None:
    """Raises SampleError unless `limit` is None or a count of at least 1."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise SampleError(
            f"limit is {shown(limit)}: give a whole number from 1, or None for all samples of a task"
        )
