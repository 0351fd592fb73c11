"""Data sets by name, and runs that are there already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.analyses.stand_in import StandInEngine, StandInModel, questions
from tests.pages.report.made_runs import write_run
from workbench.analyses.sweep.effects import sweep
from workbench.data import Samples
from workbench.errors import RunError
from workbench.recipe import data_source, given_run, given_runs, given_sweep
from workbench.runs import model_settings


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


def test_a_run_that_is_given_is_of_the_same_model_not_only_of_one_that_is_called_so(tmp_path: Path) -> None:
    model: Any = StandInModel()
    mine = {"model": "stand-in", **{key: model_settings(model)[key] for key in ("weights_sha256", "pixels")}}
    assert given_run(write_run(tmp_path / "same", **mine), model).manifest["settings"]["dtype"] == "float32"
    with pytest.raises(RunError, match="is a sweep of 'other', and the model asked for is 'stand-in'"):
        given_run(write_run(tmp_path / "name", **{**mine, "model": "other"}), model)
    with pytest.raises(RunError, match=r"is a sweep of another 'stand-in' .*\n  model: .*other content"):
        given_run(write_run(tmp_path / "weights", **{**mine, "weights_sha256": "1" * 64}), model)
    with pytest.raises(RunError, match=r"another 'stand-in' .*\n  pixels of the model: .* asked for"):
        given_run(write_run(tmp_path / "pixels", **{**mine, "pixels": {"size": {"height": 1}}}), model)


def test_a_sweep_that_is_given_is_of_the_same_clips(tmp_path: Path) -> None:
    clip = tmp_path / "0.mp4"
    clip.write_bytes(b"a clip")
    model: Any = StandInModel()
    samples = Samples([replace(questions(0)[0], video=clip)], name="own")
    sweep(model, samples, "video -> last", "centred(3)", engine=StandInEngine(), out=tmp_path / "run")
    given = given_sweep(tmp_path / "run", model, samples, ["video -> last"], "centred(3)")
    assert len(given.table) == 4
    clip.write_bytes(b"another clip")
    with pytest.raises(RunError, match=r"made of other clips than those asked for now: .*0\.mp4\. Put"):
        given_sweep(tmp_path / "run", model, samples, ["video -> last"], "centred(3)")
