"""What the registry knows about a data set."""

from __future__ import annotations

from dataclasses import dataclass
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
    papers_tasks: bool = False
    """Whether it has the tasks that Map the Flow studies, which its recipes then take by themselves."""


def check_limit(limit: int | None) -> None:
    """Raises SampleError unless `limit` is None or a count of at least 1."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise SampleError(
            f"limit is {shown(limit)}: give a whole number from 1, or None for all samples of a task"
        )
