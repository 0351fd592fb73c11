"""Run folders listed: finished, half done, in use, unreadable."""

from __future__ import annotations

import json
import shutil

import filelock
import pytest

from tests.runs.swept import questions, swept
from workbench.errors import RunError
from workbench.runs.listing import list_runs


def test_each_folder_has_its_state(tmp_path) -> None:
    runs = tmp_path / "runs"
    swept(questions(tmp_path), runs / "a" / "done")
    for name in ("half", "used", "broken"):
        shutil.copytree(runs / "a" / "done", runs / name)
    manifest = json.loads((runs / "half" / "manifest.json").read_text())
    (runs / "half" / "manifest.json").write_text(
        json.dumps({**manifest, "finished": None, "created": "2020"})
    )
    for shard in (runs / "half" / "shards").glob("*-00003.*"):
        shard.unlink()
    (runs / "broken" / "manifest.json").write_text("{")
    with filelock.FileLock(runs / "used" / ".lock"):
        table = list_runs(runs).set_index("folder")
    table.index = [path.rpartition("/")[2] for path in table.index]
    assert table["state"].drop("broken").to_dict() == {
        "done": "finished",
        "half": "unfinished",
        "used": "being written",
    }
    assert table.loc["broken", "state"].startswith("cannot be read:")
    assert table.loc["half", ["done", "samples", "kind"]].tolist() == [3, 4, "sweep"]
    assert table.index[-2:].tolist() == ["half", "broken"], "the newest come first"


def test_a_run_is_listed_once(tmp_path) -> None:
    swept(questions(tmp_path), tmp_path / "runs" / "one")
    assert len(list_runs([tmp_path / "runs", tmp_path / "runs" / "one"])) == 1
    (tmp_path / "none").mkdir()
    assert not len(list_runs(tmp_path / "none"))
    with pytest.raises(RunError, match="is no folder"):
        list_runs(tmp_path / "nowhere")
