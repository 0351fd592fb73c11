"""Two ranks of one command make the run that one process makes; a killed one goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests import ROOT
from tests.halted import halted
from tests.recipes.planted_folder import make_planted
from workbench.cli import main

FLOWS = ("--flows", "question -> last", "frames -> later frames", "--window", "centred(1)", "--bin", "1")


def rank(number: int, words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "workbench", *words],
        cwd=ROOT,
        env={**os.environ, "RANK": str(number), "WORLD_SIZE": "2", "LOCAL_RANK": str(number)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_ranks_one_of_which_was_killed(tmp_path: Path, monkeypatch) -> None:
    planted = make_planted(tmp_path / "planted", samples=40)  # groups of ten
    out, whole = tmp_path / "shared", tmp_path / "whole"
    words = planted.words("information_flow", out, *FLOWS)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with halted(f"from workbench.cli import main; main({words!r})", out, shards=2):
        pass
    monkeypatch.delenv("RANK")
    monkeypatch.delenv("WORLD_SIZE")
    shards = sorted(path.name for path in out.glob("shards/sample-*.json"))
    assert shards == ["sample-00010.json", "sample-00011.json"], "of the second group"
    done = {path: path.stat().st_mtime_ns for path in out.glob("shards/*")}

    ranks = [rank(number, words) for number in (0, 1)]
    said = [process.communicate(timeout=300) for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], said
    assert {path: path.stat().st_mtime_ns for path in done} == done, "nothing was measured twice"
    assert main(planted.words("information_flow", whole, *FLOWS)) == 0
    for name in ("effects.parquet", "pathways.csv", "skipped.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
