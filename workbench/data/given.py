"""Samples that are given and not named: a list of questions, a table in memory, samples that are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from workbench.data.collection import Samples
from workbench.data.reading import task_key
from workbench.data.sample import Sample
from workbench.errors import SampleError, near_matches, shown

if TYPE_CHECKING:
    import pandas as pd

    Given = pd.DataFrame | Iterable[Mapping[str, object]] | Iterable[Sample] | Sample
    """What holds the questions themselves."""


def given_samples(
    given: Given,
    *,
    root: str | Path | None,
    tasks: Iterable[str] | None,
    limit: int | None,
) -> Samples:
    """The samples that are given, of these tasks, at most `limit` of each. See `Samples.from_list`.

    Raises SampleError for what holds no questions, a task that none has, and a root that would be ignored.
    """
    found = _read(given, root)
    known = {task_key(task): task for task in found.tasks}
    wanted = None if tasks is None else {task_key(task): task for task in tasks}
    for key, task in (wanted or {}).items():
        if key not in known:
            hint = near_matches(task, found.tasks)
            raise SampleError(
                f"no question has the task {shown(task)}; there are {', '.join(found.tasks)}.{hint}"
            )
    seen: Counter[str] = Counter()

    def keep(sample: Sample) -> bool:
        seen[sample.task] += 1
        chosen = wanted is None or task_key(sample.task) in wanted
        return chosen and (limit is None or seen[sample.task] <= limit)

    return found.filter(keep)


def _read(given: object, root: str | Path | None) -> Samples:
    if isinstance(given, Sample):
        given = [given]
    # A DataFrame; pandas is not loaded to ask.
    if hasattr(given, "to_dict") and hasattr(given, "columns"):
        return Samples.from_dataframe(given, root=root)  # pyright: ignore[reportArgumentType]
    several = given if isinstance(given, Samples) else _listed(given)
    if not len(several):
        raise SampleError("the list of questions is empty: each is a dict with 'video' and 'question'")
    if isinstance(several, Samples):
        ready = several
    elif all(isinstance(one, Sample) for one in several):
        ready = Samples(cast("list[Sample]", several), name="own")
    else:
        return Samples.from_list(several, root=root)
    if root is not None:
        raise SampleError(
            f"samples know where their clips are, so root={shown(str(root))} would be ignored: leave root out"
        )
    return ready


def _listed(given: object) -> list[object]:
    listed = list(given) if isinstance(given, Iterable) and not isinstance(given, Mapping | bytes) else None
    if listed is None or any(isinstance(one, str | Path) for one in listed):
        raise SampleError(
            f"{shown(given)} is no data set: give one name, a folder or table of questions, a DataFrame, or "
            "a list of dicts with 'video' and 'question'"
        )
    return listed
