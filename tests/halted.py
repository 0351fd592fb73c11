"""Runs that are killed outright at a moment of the test's choice, however busy the machine is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import ROOT

_HALT = """\
import os, time
replace, left = os.replace, [{shards}]
def replace_and_halt(source, target, **options):
    replace(source, target, **options)
    left[0] -= os.path.basename(target).startswith("sample-")
    if not left[0]:
        time.sleep(600)
os.replace = replace_and_halt
"""


@contextmanager
def halted(code: str, out: Path, shards: int) -> Iterator[None]:
    """A process that runs `code` and stands still once `shards` samples are in `out`; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", _HALT.format(shards=shards) + code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 240
        while len(list(out.glob("shards/sample-*.json"))) < shards:
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "the run did not get going"
            time.sleep(0.01)
        yield
    finally:
        process.kill()
        process.wait()
