"""How many rows fit: by a limit, or a fixed number on a CPU, and never none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder, tiny_model
from workbench.engine.incremental.memory import CPU_ROWS, bytes_per_row, most_rows, peak_memory, to_device
from workbench.models import load


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_limit_gives_the_rows_that_it_holds_and_at_least_one(family: FamilyName) -> None:
    model = tiny_model(family)
    row = bytes_per_row(model)
    assert row > 4 * model.d_model, "a row holds more than its residual stream"
    assert [most_rows(model, limit) for limit in (1, row, 10 * row, 11 * row - 1)] == [1, 1, 10, 10]


def test_on_a_cpu_the_number_is_fixed_and_nothing_is_measured() -> None:
    model = tiny_model()
    assert most_rows(model) == CPU_ROWS
    with peak_memory(model) as peak:
        torch.ones(1000)
    assert peak.bytes is None


def test_half_precision_takes_less() -> None:
    half = load(tiny_folder(), device="cpu", dtype="bfloat16")
    assert bytes_per_row(half) < bytes_per_row(tiny_model())


def test_an_array_arrives_as_it_is() -> None:
    rows = np.array([3, 1, 2])
    assert to_device(rows, torch.device("cpu")).tolist() == rows.tolist()
