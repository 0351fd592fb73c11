"""A run that is killed outright, at any moment and however often, goes on to the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

KILLS = 80
"""A case; there are three."""


@pytest.mark.faults
@pytest.mark.timeout(1500)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked from a process that has the model")
@pytest.mark.parametrize(("seed", "ranks"), [(1, 1), (2, 1), (3, 2)])
def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path, seed: int, ranks: int) -> None:
    words = [sys.executable, "-m", "tests.faults.killing", str(tmp_path), str(KILLS), str(seed), str(ranks)]
    threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        words, cwd=ROOT, env={**os.environ, **threads}, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    counts = json.loads(found.stdout.splitlines()[-1])
    print(counts)
    assert counts["wrong"] == [], found.stderr
    assert counts["kills"] >= KILLS
    assert counts["resumed"] >= KILLS / 2, "most kills must have left something to go on with"
    assert counts["finished"] == counts["folders"] > 3
