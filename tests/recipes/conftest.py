"""Planted folders that the tests of several recipes run on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import workbench as wb
from tests.recipes.planted_folder import CROSS, FRAMES, TO_LAST, TO_QUESTION, PlantedFolder, make_planted
from workbench.planted import CONSTANT, IDS, LAST_WORD, direct, save_planted


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    return make_planted(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def four(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    """With 4 samples."""
    return make_planted(tmp_path_factory.mktemp("planted"), samples=4)


@pytest.fixture(scope="session")
def swept(four: PlantedFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of `four`, one layer at a time."""
    out = tmp_path_factory.mktemp("sweep")
    flows = (CROSS, TO_QUESTION, TO_LAST, "video -> last", "last -> last")
    run = wb.sweep(
        wb.load(str(four.model), device="cpu"),
        wb.samples(str(four.data)),
        flows,
        "centred(1)",
        frames=FRAMES,
        out=out,
        progress=False,
    )
    assert run.finished
    return out


@pytest.fixture(scope="session")
def unsure(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    """One that says <unk> where it knows nothing."""
    made = make_planted(tmp_path_factory.mktemp("planted"))
    # Left alone, a rest of 1e-38 would decide between A and B.
    file = made.model / "model.safetensors"
    weights = load_file(file)
    weights["language_model.lm_head.weight"][IDS["<unk>"], CONSTANT] = 1e-3
    save_file(weights, file, metadata={"format": "pt"})
    return made


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that reads the first frame from the last row, and one that reads nothing."""
    folder = tmp_path_factory.mktemp("others")
    save_planted(direct(3), folder / "direct")
    save_planted({}, folder / "blank")
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is drawn: the drawing is tested with the figures, and takes seconds each time."""
    monkeypatch.setattr("workbench.pages.drawing._draw", lambda fig, **size: bool(fig.data) and b"\x89PNG")


@pytest.fixture(scope="module")
def stemmed(unsure: PlantedFolder, tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    """The same questions with a stem, which ends in the word that the last row is known by."""
    folder = tmp_path_factory.mktemp("stemmed")
    shutil.copytree(unsure.data, folder, dirs_exist_ok=True)
    entries = json.loads((unsure.data / "json" / "planted.json").read_text("utf-8"))
    for entry in entries:
        letter = "AB"[entry["candidates"].index(entry["answer"])]
        entry |= {"stem": f"Best {LAST_WORD}", "open_answer": letter}
    (folder / "json" / "planted.json").write_text(json.dumps(entries))
    return PlantedFolder(unsure.model, folder)
