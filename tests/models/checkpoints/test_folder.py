"""A checkpoint folder is opened once, and knows its weights before any of them is loaded."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.models.broken_folders import BROKEN
from tests.tiny import tiny_folder
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.checkpoints import folder as module


def test_load_reads_each_of_our_json_files_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Counter[str] = Counter()
    read = module.read_object

    def counted(path: Path) -> dict:
        opened[path.name] += 1
        return read(path)

    monkeypatch.setattr(module, "read_object", counted)
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


@pytest.mark.parametrize(
    "name",
    ["../a.safetensors", "/etc/passwd", "a/b.safetensors", "a\\b", "C:x", "a\0b", "x" * 300, "", ".", ".."],
)
@pytest.mark.parametrize("index", ["model.safetensors.index.json", "pytorch_model.bin.index.json"])
def test_weights_are_read_from_the_folder_alone(folder: Path, name: str, index: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / index).write_text(json.dumps({"weight_map": {"lm_head.weight": name}}))
    found = CheckpointFolder("a model", folder)
    with pytest.raises(ModelError, match="no name of a file in this folder"):
        assert found.weight_files or found.pickle_files


@pytest.mark.parametrize("weight_map", [{"a": 3}, {"a": None}, ["a"], "a", {"a": {"b": "c"}}], ids=str)
def test_an_index_of_another_form_is_refused(folder: Path, weight_map: object) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(ModelError, match=r"model\.safetensors\.index\.json"):
        assert CheckpointFolder("a model", folder).weight_files


def test_the_hash_is_that_of_the_files_that_are_loaded(folder: Path) -> None:
    """Other weights beside them, whatever their names, are neither loaded nor hashed."""
    before = load(folder, device="cpu")
    other = {name: weight + 1 for name, weight in load_file(folder / "model.safetensors").items()}
    for name in ("other.safetensors", "model-00001-of-00001.safetensors"):
        save_file(other, folder / name, {"format": "pt"})
    index = {"weight_map": dict.fromkeys(other, "other.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    torch.save(other, folder / "pytorch_model.bin")
    for pickle in (False, True):
        model = load(folder, device="cpu", allow_pickle=pickle)
        assert model.weights_hash == before.weights_hash
        assert torch.equal(model.hf.lm_head.weight, before.hf.lm_head.weight)  # type: ignore[union-attr]
    (folder / "model.safetensors").unlink()
    model = load(folder, device="cpu")
    assert model.weights_hash == hashlib.sha256((folder / "other.safetensors").read_bytes()).hexdigest()
    assert torch.equal(model.hf.lm_head.weight, before.hf.lm_head.weight + 1)  # type: ignore[union-attr]


def test_pickles_are_read_without_running_them(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return exec, ("raise SystemExit('ran')",)

    (folder / "model.safetensors").unlink()
    torch.save({"weight": Bomb()}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"cannot be loaded .*UnpicklingError"):
        load(folder, device="cpu", allow_pickle=True)


@pytest.mark.parametrize("name", ["optimizer.pt", "consolidated.00.pth"])
def test_pickles_of_other_names_are_not_the_models(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / name)
    with pytest.raises(ModelError, match=r"neither pytorch_model\.bin nor pytorch_model\.bin\.index\.json"):
        load(folder, device="cpu", allow_pickle=True)


@pytest.mark.parametrize("name", ["tokenizer.json", "merges.txt"])
def test_files_that_others_read_are_looked_over_before(folder: Path, name: str) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(ModelError, match=f"{name} is not a file"):
        load(folder, device="cpu")
    path.unlink()
    path.touch()
    os.truncate(path, 5 * 10**9)
    with pytest.raises(ModelError, match=f"{name} has 5,000,000,000 bytes; at most 268,435,456 are read"):
        load(folder, device="cpu")


@pytest.mark.parametrize("name", ["tokenizer_config.json", "config.json", "video_preprocessor_config.json"])
@pytest.mark.parametrize(
    "text", ["[" * 10**5 + "]" * 10**5, *('{"a":' * deep + "1" + "}" * deep for deep in (101, 900, 10**5))]
)
def test_deeply_nested_settings_are_refused(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(ModelError, match=f"{name} is nested too deeply"):
        load(folder, device="cpu")
