"""Groups of samples, measured in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.analyses.stand_in import StandInModel, questions
from tests.runs.test_measurement import Lengths
from workbench.data import Samples
from workbench.errors import NO_ROOM, RunError
from workbench.runs import Encoder, Job, ThisProcess, measure_samples


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


OUT_OF_MEMORY = {
    "gpu": lambda: (_ for _ in ()).throw(
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    ),
    "machine": lambda: bytearray(2**62),
    "torch-on-cpu": lambda: torch.empty(2**55, dtype=torch.uint8),
}
"""The last two are asked for in earnest."""


@dataclass(frozen=True)
class Large(Lengths):
    """Lengths of samples; those named, or groups of several, take more memory than there is."""

    too_large: tuple[str, ...] = ()
    several: bool = False
    how: str = "gpu"

    def measure(self, model: Any, group: Any, on_done: Any) -> Any:
        if any(asked.sample.id in self.too_large for asked in group) or (self.several and len(group) > 1):
            OUT_OF_MEMORY[self.how]()
        return super().measure(model, group, on_done)


@pytest.mark.parametrize("how", OUT_OF_MEMORY)
def test_what_does_not_fit_together_is_measured_alone_and_what_still_does_not_is_skipped(how: str) -> None:
    together, _ = measured(Large(several=True, how=how), questions(0, 0, 0), [[0, 1], [2]])
    plain, _ = measured(Lengths(), questions(0, 0, 0), [[0, 1], [2]])
    assert together == plain
    found, _ = measured(Large(too_large=("direction/1",), how=how), questions(0, 0, 0), [[0, 1], [2]])
    records = {position: record for group in found for position, record in group.items()}
    assert [records[position].rows.num_rows for position in range(3)] == [1, 0, 1]
    (skip,) = records[1].skipped
    assert skip.sample_id == "direction/1"
    assert NO_ROOM in skip.reason
    assert "Use fewer frames" in skip.reason


@pytest.mark.parametrize("how", OUT_OF_MEMORY)
@pytest.mark.parametrize("step", ["read_clip", "encode"])
def test_a_sample_that_does_not_fit_while_it_is_encoded(
    step: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tries = getattr(StandInModel, step), []

    def short(self: Any, sample: Any, *args: Any, **options: Any) -> Any:
        tries.append(sample.id)
        if sample.id == "direction/1" or tries == ["direction/0"]:  # the first: once, then there is room
            OUT_OF_MEMORY[how]()
        return real(self, sample, *args, **options)

    monkeypatch.setattr(StandInModel, step, short)
    found, _ = measured(Lengths(), questions(0, 0, 0), [[0], [1], [2]])
    assert [record.rows.num_rows for group in found for record in group.values()] == [1, 0, 1]
    assert NO_ROOM in found[1][1].skipped[0].reason


def test_where_nothing_fits_there_is_one_error_and_with_more_memory_the_same_run_goes_on(
    tmp_path: Path,
) -> None:
    model: Any = StandInModel()
    samples = questions(0, 0, 0)
    large = Large(too_large=tuple(sample.id for sample in samples))
    with pytest.raises(RunError, match=r"None of the 3 samples can be used.*does not fit .*Use fewer frames"):
        measure_samples(model, samples, large, out=tmp_path / "run", progress=False)
    found = measure_samples(
        model, samples, Large(too_large=("direction/1",)), out=tmp_path / "run", progress=False
    )
    assert len(found.table) == 2
    assert list(found.skipped["sample_id"]) == ["direction/1"]
    found = measure_samples(model, samples, Large(), out=tmp_path / "run", progress=False)
    assert len(found.table) == 3
    assert found.skipped.empty
