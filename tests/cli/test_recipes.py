"""workbench run: a killed run goes on, and a folder says what made it."""

from __future__ import annotations

import json
import shlex
import subprocess

import pandas as pd
from pandas.testing import assert_frame_equal

import workbench
import workbench.runs.manifest
from tests import ROOT
from tests.cli.asking import command
from tests.halted import halted
from tests.recipes.planted_folder import FRAMES
from workbench.cli import main


def test_a_killed_run_is_finished_by_the_same_command(planted, tmp_path) -> None:
    flow = ("--flows", "question -> last", "--window", "centred(1)", "--bin", "1")
    out = tmp_path / "killed"
    words = planted.words("information_flow", out, *flow)
    with halted(f"from workbench.cli import main; main({words!r})", out, shards=4):
        pass
    done = {path: path.stat().st_mtime_ns for path in out.glob("shards/*.json")}
    assert len(done) == 4
    assert not (out / "effects.parquet").exists()

    resumed = subprocess.run(command(*words), cwd=ROOT, capture_output=True, text=True, check=False)
    assert resumed.returncode == 0, resumed.stderr
    assert {path: path.stat().st_mtime_ns for path in done} == done, "finished samples were computed again"
    assert resumed.stderr == "", "there is no bar where nobody watches"

    whole = tmp_path / "whole"
    assert main(planted.words("information_flow", whole, *flow)) == 0
    for name in ("effects.parquet", "pathways.csv", "skipped.csv"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    table = pd.read_parquet(out / "effects.parquet")
    assert len(set(table["sample_id"])) == 9
    assert_frame_equal(table, workbench.load_run(whole).table)


def test_a_run_names_the_command_that_made_it(planted, tmp_path) -> None:
    out = tmp_path / "my run"
    words = planted.words("evaluate", out, "--limit", "2")
    assert main([*words, "--debug"]) == 0
    made = json.loads((out / "manifest.json").read_text("utf-8"))
    assert shlex.split(made["command"]) == ["workbench", *words]
    # The command is no setting: the same request in other words finds everything done.
    assert main([*words[:-2], "--limit=2"]) == 0
    assert json.loads((out / "manifest.json").read_text("utf-8")) == made
    # One that adds numbers is put on record.
    (out / "shards" / "sample-00001.json").unlink()
    assert main([*words[:-2], "--limit=2"]) == 0
    again = json.loads((out / "manifest.json").read_text("utf-8"))
    assert again["command"] == made["command"]
    assert "--limit=2" in again["resumed"][0]["command"]
    assert workbench.runs.manifest.provenance()["command"] is None, "only while the command runs"


def test_another_setting_in_the_same_folder_is_refused(planted, tmp_path, capsys) -> None:
    out = tmp_path / "run"
    assert main(planted.words("evaluate", out, "--limit", "2")) == 0
    assert main(planted.words("evaluate", out, "--limit", "4")) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "holds a run with other settings: samples: 2 in the folder, 4 asked for A folder keeps" in said
    assert "Choose another folder (--out; out= in Python), ask for what this one has, or delete it" in said
    assert main(planted.words("information_flow", out, "--limit", "2")) == 2
    assert "another analysis" in capsys.readouterr().err
    assert main(["report", str(out)]) == 2


def test_negative_numbers_and_text_with_arrows_are_values(planted, tmp_path) -> None:
    more = ("--threshold", "-200", "--flows", "video -> last", "question->last", "--frames", FRAMES)
    out = tmp_path / "run"
    assert main(planted.words("information_flow", out, "--limit", "1", "--bin", "3", *more)) == 0
    table = pd.read_csv(out / "pathways.csv")
    assert list(dict.fromkeys(table["flow"])) == ["video -> last", "question -> last"]
    assert set(table["counts"]) == {False}
