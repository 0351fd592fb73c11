"""compare, merge, export and list runs by hand."""

from __future__ import annotations

import pytest

from tests.runs.swept import questions, swept
from workbench.cli import main
from workbench.cli.status import FAILED


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    samples = questions(folder, 4)
    for name, some in (("a", samples[:2]), ("b", samples[2:])):
        swept(some, folder / name)
    return folder


def test_merge_then_list_compare_and_export(runs, tmp_path, capsys) -> None:
    out = str(tmp_path / "all")
    assert main(["merge", out, str(runs / "a"), str(runs / "b")]) == 0
    assert "4 of 4 samples" in capsys.readouterr().out
    assert main(["list", "runs", str(runs), str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert said.count("finished") == 3
    assert "4/4" in said
    assert main(["compare", out, str(runs / "a"), "--csv", str(tmp_path / "c.csv")]) == 0
    assert "2 samples in both, 2 only in the first" in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "c.csv").is_file()
    assert main(["export", out, "--to", str(tmp_path / "all.csv")]) == 0
    assert (tmp_path / "all.csv").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["list", "flows", "runs"], "takes no folder"),
        (["list", "runs", "nowhere"], "is no folder"),
        (["merge", "out", "nowhere"], "holds no run"),
        (["compare", "nowhere", "nowhere"], "holds no run"),
        (["export", "nowhere", "--to", "x.csv"], "holds no run"),
    ],
)
def test_what_makes_no_sense_is_refused(words, said, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == FAILED
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_folder_without_runs_says_so(tmp_path, capsys) -> None:
    assert main(["list", "runs", str(tmp_path)]) == FAILED
    assert "no run below" in capsys.readouterr().err
