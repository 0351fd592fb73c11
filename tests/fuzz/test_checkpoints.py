"""What the JSON files of a checkpoint's folder say, read before anything is loaded: a value, or our error.

Whole models from damaged folders are in tests/faults/test_mutated_checkpoints.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.test_mutated_checkpoints import nodes
from tests.fuzz.values import ODD, VALUE, as_json, attempt, confined, few, spoilt
from tests.tiny import tiny_folder
from workbench.models.checkpoints import recognise
from workbench.models.checkpoints.adapter import read_adapter
from workbench.models.checkpoints.config import check_config, described
from workbench.models.checkpoints.ends import generation_settings
from workbench.models.checkpoints.folder import CheckpointFolder
from workbench.models.checkpoints.processor import pixel_settings

INDEX = "model.safetensors.index.json"
ADAPTER = {
    "peft_type": "LORA",
    "r": 2,
    "lora_alpha": 4,
    "target_modules": ["q_proj"],
    "base_model_name_or_path": "x",
    "rank_pattern": {"a": 1},
}


class Folder:
    """A tiny checkpoint with an index beside its weights, one of whose files is written anew each time."""

    def __init__(self, home: Path) -> None:
        self.path = Path(shutil.copytree(tiny_folder(), home / "set"))
        self.outside = home / "outside"
        self.outside.mkdir()
        (self.outside / "secret.safetensors").write_bytes(b"x")
        (self.path / "model.safetensors").rename(self.path / "a.safetensors")
        weights = CheckpointFolder("x", self.path)
        (self.path / INDEX).write_text(json.dumps({"weight_map": {"w": "a.safetensors"}}))
        names = weights.weight_names
        index = {
            "metadata": {"total_size": 1},
            "weight_map": dict.fromkeys(sorted(names)[:3], "a.safetensors"),
        }
        (self.path / INDEX).write_text(json.dumps(index))
        self.sound = {
            path.name: json.loads(path.read_text("utf-8"))
            for path in self.path.glob("*.json")
            if path.name != "tokenizer.json"
        }

    def read(self, name: str, content: bytes) -> None:
        before = (self.path / name).read_bytes() if (self.path / name).exists() else None
        (self.path / name).write_bytes(content)
        try:
            with confined(self.path, self.outside):
                self._read()
        finally:
            (self.path / name).unlink()
            if before is not None:
                (self.path / name).write_bytes(before)

    def _read(self) -> None:
        folder = CheckpointFolder("x", self.path)
        for path in attempt(lambda: folder.weight_files) or ():
            assert path.parent == self.path
        attempt(lambda: folder.pickle_files)
        attempt(folder.check)
        attempt(lambda: described(folder.config))
        attempt(lambda: check_config(folder))
        attempt(lambda: generation_settings(folder))
        found = attempt(lambda: recognise(folder))
        if found is not None:
            attempt(lambda: pixel_settings(folder, found[1].default_pixels))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder(tmp_path_factory.mktemp("fuzz"))
    assert {"config.json", INDEX, "tokenizer_config.json"} <= set(made.sound)
    recognise(CheckpointFolder("x", made.path))  # as it is, it can be read
    return made


@st.composite
def told(draw: st.DrawFn, sound: Any) -> bytes:
    """A JSON file with some of its values replaced or taken out, anywhere in it."""
    said = json.loads(json.dumps(sound))
    for _ in range(draw(st.integers(1, 3))):
        places = list(nodes(said))
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        if isinstance(container, dict) and draw(st.booleans()):
            container[draw(ODD | st.just(key))] = draw(VALUE)
        elif draw(st.booleans()):
            container[key] = draw(VALUE)
        else:
            del container[key]
    return as_json(said)


@few(25)
@given(data=st.data())
def test_any_json_in_any_file(folder: Folder, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(("config.json", INDEX, *sorted(folder.sound))))
    sound = folder.sound[name]
    content = data.draw(st.one_of(told(sound), told(sound), VALUE.map(as_json), spoilt(as_json(sound))))
    folder.read(name, content)


@few(20)
@given(names=st.dictionaries(ODD, ODD | VALUE, max_size=4), data=st.data())
def test_any_names_in_an_index(folder: Folder, names: dict[str, Any], data: st.DataObject) -> None:
    outside = data.draw(
        st.sampled_from(("../outside/secret.safetensors", "a.safetensors", str(folder.outside)))
    )
    folder.read(INDEX, as_json({"weight_map": {**names, "w": outside}}))


@few(20)
@given(content=st.one_of(told(ADAPTER), told(ADAPTER), VALUE.map(as_json)))
def test_any_adapter(folder: Folder, content: bytes) -> None:
    file = folder.path / "adapter_config.json"
    file.write_bytes(content)
    try:
        with confined(folder.path, folder.outside):
            attempt(lambda: read_adapter(CheckpointFolder("x", folder.path)))
            attempt(CheckpointFolder("x", folder.path).check)
    finally:
        file.unlink()
