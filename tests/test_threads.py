"""How torch's threads wait is asked for before torch is loaded, and said where that is too late."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

from tests import ROOT
from workbench.threads import warn_where_they_spin

LOADED = "import sys, types; sys.modules['torch'] = types.ModuleType('torch'); "
QUIET, BUSY = (
    f"import os; os.getloadavg = lambda: ({load}, 0, 0); os.cpu_count = lambda: 2; " for load in (0.9, 1.1)
)


@pytest.mark.parametrize(
    ("before", "environment", "policy"),
    [
        (BUSY, {}, ["PASSIVE", "None"]),
        (BUSY, {"OMP_WAIT_POLICY": "ACTIVE"}, ["ACTIVE", "None"]),
        (BUSY, {"GOMP_SPINCOUNT": "7"}, ["None", "7"]),
        (BUSY + LOADED, {}, ["None", "None"]),
        (QUIET, {}, ["None", "10000"] if sys.platform == "linux" else ["PASSIVE", "None"]),
    ],
)
def test_importing_the_package_asks_for_threads_that_wait_quietly(before, environment, policy) -> None:
    """Unless the user asked for something else, and while torch can still be told."""
    names = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    usual = {name: value for name, value in os.environ.items() if name not in names}
    code = f"{before}import workbench, os; print(*[os.environ.get(name) for name in {names}])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=usual | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == policy


@pytest.mark.parametrize(("load", "warned"), [(3.0, True), (1.1, True), (0.9, False)])
def test_it_is_said_where_it_is_too_late_and_matters(load, warned, monkeypatch) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_where_they_spin()
    assert ["OMP_WAIT_POLICY=PASSIVE" in str(one.message) for one in told] == [True] * warned
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    warn_where_they_spin()
