"""Samples of evaluations that are finished: what a recipe takes of logs, and says of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.recipe.output import console, say

if TYPE_CHECKING:
    from workbench.data import Samples


def logged_samples(samples: Samples, files: Sequence[Path], limit: int | None) -> Samples:
    """The samples that lmms-eval asked, the first `limit` of each task; prints what was answered there.

    Raises as `from_logs`.
    """
    from workbench.analyses.answers import from_logs
    from workbench.data import Samples as Kept

    found = from_logs(samples, files)
    if found.accuracy is not None:
        console().print(found.accuracy)
    if n := len(found.unmatched):
        first = found.unmatched.iloc[0]
        say(f"{n} recorded question{'s' * (n > 1)} left out: {first['where']}: {first['reason']}")
    if limit is None:
        return found.samples
    few = [sample for part in found.samples.by_task().values() for sample in part[:limit]]
    return Kept(few, name=samples.name, source=samples.source, skipped=found.samples.skipped)
