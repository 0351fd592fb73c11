"""Workers measure what one process would, to the bit, and what a lost one had is measured by another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import workbench as wb
from tests import ROOT
from tests.recipes.planted_folder import FRAMES, PlantedFolder, make_planted
from workbench.errors import RunError
from workbench.runs.executors import ThisProcess, assign, current, using
from workbench.runs.workers import RayWorkers

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    return make_planted(tmp_path_factory.mktemp("planted"), samples=40)  # groups of ten


def test_which_executor_measures() -> None:
    from tests.tiny import tiny_model

    model, workers = tiny_model(), RayWorkers(workers=2)
    assert isinstance(current(model), ThisProcess)
    with using(workers):
        assert current(model) is workers
    assert isinstance(current(model), ThisProcess)
    assign(model, workers)
    try:
        assert current(model) is workers
    finally:
        assign(model, ThisProcess())


@pytest.mark.parametrize("wrong", [{"workers": 0}, {"workers": True}, {"workers": 2, "gpus": 0}])
def test_numbers_that_make_no_sense(wrong: dict[str, int]) -> None:
    with pytest.raises(RunError, match="whole number from 1"):
        RayWorkers(**wrong)  # type: ignore[arg-type]


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RunError, match=r"pip install 'video-llm-workbench\[ray\]'"):
        RayWorkers(workers=1)


@pytest.mark.parametrize(
    ("resources", "gpus", "fits"),
    [
        ({"CPU": 2.0}, 0, 2),
        ({"CPU": 64.0}, 1, 0),
        ({"CPU": 64.0, "GPU": 3.0}, 1, 3),
        ({"CPU": 64.0, "GPU": 3.0}, 2, 1),
        ({"CPU": 1.0, "GPU": 4.0}, 2, 1),
    ],
)
def test_how_many_workers_a_cluster_holds(resources: dict[str, float], gpus: int, fits: int) -> None:
    assert RayWorkers(workers=1).room(resources, gpus) == fits


@pytest.mark.parametrize(
    ("given", "device"),
    [({}, "cpu"), ({"gpus": 1}, "cuda"), ({"device": "cuda"}, "cuda"), ({"device": "cpu"}, "cpu")],
)
def test_workers_have_gpus_where_this_process_has_none(given: dict[str, Any], device: str) -> None:
    from tests.tiny import tiny_model

    assert RayWorkers(workers=1, **given).device_of(tiny_model()) == device


@pytest.mark.parametrize("wrong", [{"device": "cpu", "gpus": 1}, {"device": "tpu"}])
def test_devices_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="device="):
        RayWorkers(workers=1, **wrong)


def test_ranks_have_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RunError, match="rank 0 of 2, and ranks share a run by themselves"):
        next(RayWorkers(workers=1).run(None, [], lambda count: None))  # type: ignore[arg-type]


SCRIPT = """
import os, sys
import workbench as wb
from workbench.runs import workers as module
folder, data, out, kill = sys.argv[1:]
model = wb.load(folder)
samples = wb.samples(data)
if kill != "no":
    # Its first worker is killed outright, once, while it measures; or every worker on one sample.
    measure = module.Worker.measure
    def dying(self, group, following):
        mark = os.path.join(os.path.dirname(out), "killed")
        if (kill == "once" and not os.path.exists(mark)) or (kill == "always" and 3 in group):
            open(mark, "w").close()
            os.kill(os.getpid(), 9)
        return measure(self, group, following)
    module.Worker.measure = dying
with module.workers(2):
    wb.sweep(model, samples, ["question -> last", "frames -> later frames"], wb.centred(1), out=out,
             frames="midpoints(4)", progress=False)
"""


def swept(planted: PlantedFolder, out: Path, kill: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, str(planted.model), str(planted.data), str(out), kill],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_two_workers_one_killed_and_one_that_always_is(planted: PlantedFolder, tmp_path: Path) -> None:
    model, samples = wb.load(planted.model), wb.samples(planted.data)
    flows = ["question -> last", "frames -> later frames"]
    one = wb.sweep(model, samples, flows, wb.centred(1), out=tmp_path / "one", frames=FRAMES)

    done = swept(planted, tmp_path / "two" / "run", "once")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "two" / "killed").exists()
    two = wb.load_run(tmp_path / "two" / "run")
    assert (tmp_path / "two" / "run" / "effects.parquet").read_bytes() == (
        tmp_path / "one" / "effects.parquet"
    ).read_bytes()
    pd.testing.assert_frame_equal(
        two.samples.drop(columns="seconds"), one.samples.drop(columns="seconds"), check_exact=True
    )
    pd.testing.assert_frame_equal(two.skipped, one.skipped)

    lost = swept(planted, tmp_path / "three" / "run", "always")
    assert lost.returncode != 0
    assert "3 workers were lost one after another on 'planted/" in lost.stderr
    # What the others measured is there, and the same command goes on.
    done = swept(planted, tmp_path / "three" / "run", "no")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "three" / "run" / "effects.parquet").read_bytes() == (
        tmp_path / "one" / "effects.parquet"
    ).read_bytes()
