"""A measurement of one prompt at a time, and a sample that it cannot use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import pytest

from tests.analyses.stand_in import StandInModel, questions
from workbench.errors import RunError
from workbench.runs import Encoder, PromptMeasurement, Unusable
from workbench.runs.record import Asked
from workbench.runs.tables import Skip, schema_of


class Length(NamedTuple):
    sample_id: str
    rows: int


@dataclass(frozen=True)
class Lengths(PromptMeasurement):
    """Rows of each prompt. One sample cannot be measured, and one breaks."""

    name: ClassVar[str] = "lengths"
    table: ClassVar[str] = "lengths"
    row: ClassVar[type] = Length

    unusable: str = ""
    breaks: str = ""

    @property
    def settings(self) -> Mapping[str, Any]:
        return {}

    def at_once(self, model: Any, first: Any) -> int:
        return 2

    def rows(self, model: Any, sample: Any, prompt: Any) -> Iterable[Length]:
        if sample.id == self.unusable:
            raise Unusable("it has no length")
        if sample.id == self.breaks:
            raise ZeroDivisionError
        return [Length(sample.id, len(prompt))]


def asked(*answers: int) -> list[Asked]:
    model = StandInModel()
    return [Asked(n, sample, model.encode(sample)) for n, sample in enumerate(questions(*answers))]


def test_each_sample_has_a_record_of_typed_rows() -> None:
    done: list[int] = []
    model: Any = StandInModel()
    lengths = Lengths(unusable="direction/1")
    records = lengths.measure(model, asked(0, 0, 0), done.append)
    assert [record.rows.num_rows for record in records] == [1, 0, 1]
    assert {record.rows.schema for record in records} == {lengths.schema} == {schema_of(Length)}
    assert [record.skipped for record in records] == [(), (Skip("direction/1", "", "it has no length"),), ()]
    assert done == [1, 1, 1]


def test_any_other_error_goes_through() -> None:
    model: Any = StandInModel()
    with pytest.raises(ZeroDivisionError):
        Lengths(breaks="direction/0").measure(model, asked(0), lambda n: None)


def test_samples_of_which_none_can_be_encoded_are_refused_at_once() -> None:
    model: Any = StandInModel()
    with Encoder(model, questions(0, broken=(0,)), frames=None, style=None) as encoder:
        with pytest.raises(RunError, match="None of the 1 samples can be used"):
            Lengths().refuse(model, encoder)
