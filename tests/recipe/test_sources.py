"""Data sets by name, and runs that are there already."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.report.made_runs import write_run
from workbench.errors import RunError
from workbench.recipe import data_source, given_runs


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("mini", ("mini", None)),
        (" mini/object_count ", ("mini/object_count", None)),
        ("tvbench:/data/TVBench", ("tvbench", "/data/TVBench")),
        ("TVBench:~/x:y", ("tvbench", "~/x:y")),
        (r"C:\data", (r"C:\data", None)),
        ("/data/a", ("/data/a", None)),
    ],
)
def test_data_sources(data, expected) -> None:
    assert data_source(data) == expected


@pytest.mark.parametrize("name", ["TVBench", "tvbench"])
def test_a_folder_with_the_name_of_a_download_is_that_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_source(name) == (name, None)
    (tmp_path / name).mkdir()
    assert data_source(name) == ("tvbench", name)
    (tmp_path / "mini").mkdir()
    assert data_source("mini") == ("mini", None)


def test_runs_go_by_their_model(tmp_path: Path) -> None:
    one, other = (write_run(tmp_path / name, model=name) for name in ("one", "other"))
    found = given_runs((other,), ("one", "other"))
    assert [(name, run.folder) for name, run in found.items()] == [("other", other)]
    with pytest.raises(RunError, match="named twice among one, one"):
        given_runs((), ("one", "one"))
    with pytest.raises(RunError, match="holds a run of 'one', and the models asked for are other"):
        given_runs((one,), ("other",))
    with pytest.raises(RunError, match="holds a second run of 'one'"):
        given_runs((one, one), ("one",))
