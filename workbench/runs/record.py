"""One sample of a run: as it is asked, and what is kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from workbench.runs.tables import SampleRow, Skip

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.prompts.prompt import Prompt


class Asked(NamedTuple):
    """One sample, ready to be measured."""

    position: int
    """Its place among the samples of the run, from 0."""
    sample: Sample
    prompt: Prompt


class Record(NamedTuple):
    """All that a run keeps of one sample."""

    rows: pa.Table
    """Rows of the measurement's table."""
    sample: SampleRow | None = None
    """What the untouched model answered; None where the measurement does not keep it, or skips the sample."""
    skipped: tuple[Skip, ...] = ()
