"""A checkpoint folder is opened once, and knows its weights before any of them is loaded."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.models.broken_folders import BROKEN
from tests.tiny import tiny_folder
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.checkpoints import folder as module


def test_load_reads_each_of_our_json_files_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[str] = Counter()
    read = module._json

    def counted(path: Path) -> dict:
        opened[path.name] += 1
        return read(path)

    monkeypatch.setattr(module, "_json", counted)
    model = load(tiny_folder(), device="cpu")
    assert model.weights_hash == model.weights_hash
    assert {"config.json", "video_preprocessor_config.json"} <= set(opened)
    assert set(opened.values()) == {1}


def test_a_file_that_is_not_there_is_none(folder: Path) -> None:
    found = CheckpointFolder("a model", folder)
    assert found.json("nothing.json") is None
    assert found.json("config.json") is found.config
    assert found.config["model_type"] == "llava_next_video"


def test_weights_are_known_by_name_and_by_hash() -> None:
    found = CheckpointFolder("a model", tiny_folder())
    (path,) = found.weight_files
    assert found.weight_names == set(load_file(path))
    assert found.weights_hash == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "kind", [kind for kind in BROKEN if kind.startswith(("weights", "a Git", "a shard"))]
)
def test_weights_that_are_not_whole_are_refused_before_they_are_loaded(folder: Path, kind: str) -> None:
    breaks, says = BROKEN[kind]
    breaks(folder)
    with pytest.raises(ModelError, match=says):
        CheckpointFolder("a model", folder).check()


def test_weights_with_something_behind_them_are_refused(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ModelError, match="cut off or damaged"):
        CheckpointFolder("a model", folder).check()
