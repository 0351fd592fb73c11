"""Two halves of the samples, to search on and to test on: no clip, and no clip's twin, is in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

from workbench.data import Sample, Samples, as_samples
from workbench.errors import RunError

_REVERSED = "_reversed"
"""Behind the name of a task whose clips are those of the task without it, backwards, under the same names."""


def search_and_test(samples: Samples | Sequence[Sample]) -> tuple[Samples, Samples]:
    """The samples to search on, and the others to test on, in their order, halved task by task.

    Samples about one clip stay together, and so do counterfactual twins: those of one `group`, and the clips
    of a task and of its time-reversed one (NAME and NAME_reversed, by file name). Raises RunError where that
    leaves a half empty.
    """
    samples = as_samples(samples)
    searched = _searched(samples)
    search = samples.filter(lambda sample: sample.id in searched)
    test = samples.filter(lambda sample: sample.id not in searched)
    if not len(search) or not len(test):
        raise RunError(
            f"{len(samples)} samples cannot be halved by clip: samples of one clip, or of its twin, stay "
            "together. Use two clips or more."
        )
    return search, test


def _searched(samples: Samples) -> set[str]:
    """Ids of the samples to search on: every second family of each task, from the first."""
    family: dict[Hashable, int] = {}
    members: dict[int, list[Sample]] = {}
    for number, sample in enumerate(samples):
        known = {family[trait] for trait in _traits(sample) if trait in family}
        home = min(known, default=number)
        joined = [one for other in sorted(known) for one in members.pop(other)]
        members[home] = [*joined, sample]
        for one in members[home]:
            family.update(dict.fromkeys(_traits(one), home))
    chosen: set[str] = set()
    seen: Counter[str] = Counter()
    for home in sorted(members):
        task = members[home][0].task.removesuffix(_REVERSED)
        if seen[task] % 2 == 0:
            chosen.update(sample.id for sample in members[home])
        seen[task] += 1
    return chosen


def _traits(sample: Sample) -> Iterator[Hashable]:
    """What samples of one family share."""
    yield "clip", str(sample.video)
    yield "twin", sample.task.removesuffix(_REVERSED), sample.video.name
    if sample.group is not None:
        yield "group", sample.group
