"""Groups of samples, measured in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.analyses.stand_in import StandInModel, questions
from tests.runs.test_measurement import Lengths
from workbench.data import Samples
from workbench.runs import Encoder, Job, ThisProcess


def measured(
    measurement: Lengths, samples: Samples, groups: Sequence[Sequence[int]], prompts: Any = None
) -> tuple[list[Any], int]:
    model: Any = StandInModel()
    done: list[int] = []
    with Encoder(model, samples, frames=None, style=None) as encoder:
        job = Job(model=model, measurement=measurement, encoder=encoder, prompts=prompts)
        found = list(ThisProcess().run(job, groups, done.append))
    return found, sum(done)


def test_groups_come_in_order_with_a_record_for_every_sample() -> None:
    prompts: dict[str, Any] = {}
    samples = questions(*[0] * 4, broken=(1,))
    found, done = measured(Lengths(unusable="direction/2"), samples, [[0, 1], [2, 3]], prompts)
    assert [list(group) for group in found] == [[0, 1], [2, 3]]
    rows = [record.rows.to_pylist() for group in found for record in group.values()]
    assert rows == [
        [{"sample_id": "direction/0", "rows": 10}],
        [],
        [],
        [{"sample_id": "direction/3", "rows": 10}],
    ]
    reasons = [skip.reason for group in found for record in group.values() for skip in record.skipped]
    assert reasons == ["broken.mp4 cannot be read. Copy it again.", "it has no length"]
    assert done == 3
    assert list(prompts) == ["direction/0", "direction/2", "direction/3"]


def test_any_other_error_stops_the_run_and_names_its_samples() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        measured(Lengths(breaks="direction/1"), questions(0, 0, 0), [[0, 1], [2]])
    (note,) = caught.value.__notes__
    assert "the samples 'direction/0' (0.mp4), 'direction/1' (1.mp4)" in note
