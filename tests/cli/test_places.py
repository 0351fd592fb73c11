"""--out and folders that are URLs."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest

from tests.recipes.planted_folder import make_planted
from tests.runs.swept import questions, swept
from workbench.cli import main
from workbench.cli.places import here, with_out_here
from workbench.runs import remote


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(remote, "BEAT", 0.2)
    monkeypatch.setattr(remote, "SETTLE", 0.05)


def test_a_recipe_writes_there(tmp_path, capsys) -> None:
    planted = make_planted(tmp_path / "planted")
    far = tmp_path / "far" / "run"
    words = planted.words("evaluate", tmp_path)
    words[words.index("--out") + 1] = f"local://{far}"
    assert main(words) == 0
    assert f"All of it is at local://{far}" in capsys.readouterr().out
    assert (far / "accuracy.csv").is_file()
    assert f"local://{far}" in (far / "manifest.json").read_text()
    assert main(["export", f"local://{far}", "--to", str(tmp_path / "all.csv")]) == 0
    assert (tmp_path / "all.csv").is_file()


@pytest.mark.parametrize("words", [["--out", "memory://a/b"], ["--out=memory://a/b"]])
def test_both_spellings_of_the_option_are_known(words) -> None:
    with with_out_here(["evaluate", *words, "--seed", "1"]) as found:
        assert "memory" not in " ".join(found)
        assert found[-2:] == ["--seed", "1"]
    with with_out_here(["evaluate", "--out"]) as found:
        assert found == ["evaluate", "--out"]
    with with_out_here(["evaluate", "--out", "runs/a"]) as found:
        assert found[-1] == "runs/a"
    memory = fsspec.filesystem("memory")
    if memory.exists("/a"):
        memory.rm("/a", recursive=True)


def test_folders_are_fetched_and_sent_back(tmp_path) -> None:
    swept(questions(tmp_path), tmp_path / "run")
    url = f"local://{tmp_path / 'run'}"
    with here(url, str(tmp_path)) as (copy, same):
        assert same == str(tmp_path)
        assert copy != str(tmp_path / "run")
    with here(url, written=True) as (copy,):
        (Path(copy) / "more.txt").write_text("new")
    assert (tmp_path / "run" / "more.txt").read_text() == "new"
