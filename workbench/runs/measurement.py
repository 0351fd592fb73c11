"""What a run does with its samples: the one seam between the loop and everything that is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from workbench.errors import NotFinite
from workbench.runs.encoding import Encoder
from workbench.runs.record import Asked, Record
from workbench.runs.tables import Skip, schema_of, table_of

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.models import VideoLLM
    from workbench.prompts.prompt import Prompt

Done = Callable[[int], object]
"""Called with the number of units that are done since the last call."""


class Unusable(Exception):
    """A sample that can be encoded, but not measured; its text says why."""


class Measurement(ABC):
    """What is done with each sample, as plain data: no model, no samples. The loop is `measure_samples`.

    The same measurement can therefore run in another process, on a model that is loaded there.
    """

    name: ClassVar[str]
    """In the manifest, and on the progress bar."""
    table: ClassVar[str]
    """Its table is stored as TABLE.parquet."""
    unit: ClassVar[str] = "samples"
    """What the progress bar counts."""
    keeps_samples: ClassVar[bool] = False
    """Whether records have a `sample`: then the run has a samples.parquet too."""

    writes_text: ClassVar[bool] = False
    """Whether the model writes: then what ends a text is among the run's settings."""

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """Columns of the table."""

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """Besides model, data, style and frames, all that decides the numbers."""

    def units(self, model: VideoLLM) -> int:
        """How many units one sample is."""
        return 1

    def refuse(self, model: VideoLLM, encoder: Encoder) -> None:
        """Raise, before anything is computed or written, where these samples cannot be measured.

        RunError where none of them can be encoded.
        """
        encoder.first_usable()

    def at_once(self, model: VideoLLM, first: Asked) -> int:
        """How many samples like this one are measured together.

        It depends on nothing but its arguments, so that a run that goes on forms the same groups.
        """
        return 1

    @abstractmethod
    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        """One record for each sample of the group, in order. Any exception stops the run."""

    def skip(self, sample: Sample, reason: str) -> Record:
        """The record of a sample that cannot be used."""
        return Record(self.schema.empty_table(), None, (Skip(sample.id, "", reason),))


class PromptMeasurement(Measurement):
    """A measurement that looks at one prompt at a time and gives rows of one kind."""

    row: ClassVar[type]
    """A NamedTuple: one row of the table."""

    @property
    def schema(self) -> pa.Schema:
        return schema_of(self.row)

    @abstractmethod
    def rows(self, model: VideoLLM, sample: Sample, prompt: Prompt) -> Iterable[tuple[Any, ...]]:
        """Rows of one sample. Raises Unusable or NotFinite for one to be skipped; anything else stops the
        run."""

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        found = []
        for asked in group:
            try:
                found.append(Record(table_of(self.rows(model, asked.sample, asked.prompt), self.schema)))
            except (Unusable, NotFinite) as reason:
                found.append(self.skip(asked.sample, str(reason)))
            on_done(self.units(model))
        return found
