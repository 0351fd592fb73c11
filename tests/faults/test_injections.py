"""Whatever happens to a run, nothing is lost, doubled or wrong, and an error says what to do."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.faults.injections import INJECTIONS, run

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]
TIMES = 8


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("right") / "run"
    run(out)
    return out


@pytest.mark.parametrize("fault", INJECTIONS)
def test_it_costs_nothing_but_what_is_named(fault: str, right: Path, tmp_path: Path) -> None:
    drawn = random.Random(fault)
    outcomes = {INJECTIONS[fault](tmp_path / str(number), right, drawn) for number in range(TIMES)}
    assert len(outcomes) == 1
