"""How torch's threads wait is asked for before torch is loaded, and said where that is too late."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings

import pytest

from tests import ROOT
from workbench.threads import warn_where_they_spin


@pytest.mark.parametrize(
    ("before", "environment", "policy"),
    [
        ("", {}, "PASSIVE"),
        ("", {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"),
        ("import sys, types; sys.modules['torch'] = types.ModuleType('torch'); ", {}, "None"),
    ],
)
def test_importing_the_package_asks_for_threads_that_wait_quietly(before, environment, policy) -> None:
    """Unless the user asked for something else, and while torch can still be told."""
    usual = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    code = f"{before}import workbench, os; print(os.environ.get('OMP_WAIT_POLICY'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=usual | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [policy]


@pytest.mark.parametrize(("load", "warned"), [(3.0, True), (1.1, True), (0.9, False)])
def test_it_is_said_where_it_is_too_late_and_matters(load, warned, monkeypatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_where_they_spin()
    assert ["OMP_WAIT_POLICY=PASSIVE" in str(one.message) for one in told] == [True] * warned
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    warn_where_they_spin()
