"""What decides numbers beside the weights is told apart; what decides none is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import tiny_folder, tiny_model
from workbench.analyses.answers import accuracy
from workbench.data import Samples
from workbench.errors import ModelError, RunError
from workbench.models import VideoLLM, load
from workbench.models.checkpoints.identity import identity_of, stop_tokens
from workbench.planted import planted_sample


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder("llava_next_video"), tmp_path / "model"))


def identity(folder: Path) -> dict[str, Any]:
    model = load(folder, device="cpu")
    return identity_of(model.checkpoint, model.template, model.pixels)


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def _rope(config: dict[str, Any]) -> None:
    config["text_config"].setdefault("rope_parameters", {"rope_type": "default"})["rope_theta"] = 12345.0


def _merges(tokenizer: dict[str, Any]) -> None:
    tokenizer["added_tokens"][0]["lstrip"] = not tokenizer["added_tokens"][0]["lstrip"]


CHANGES = {
    "config_sha256": lambda folder: edit(folder / "config.json", _rope),
    "tokenizer_sha256": lambda folder: edit(folder / "tokenizer.json", _merges),
    "chat_template_sha256": lambda folder: (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}Q: {% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }}"
        "{% else %}<video>{% endif %}{% endfor %}{% endfor %} A:"
    ),
    "code_sha256": lambda folder: (folder / "modeling_own.py").write_text("x = 1"),
}


@pytest.mark.parametrize("part", CHANGES)
def test_each_part_has_a_name_of_its_own(folder: Path, part: str) -> None:
    before = identity(folder)
    CHANGES[part](folder)
    after = identity(folder)
    assert {key for key in {*before, *after} if before.get(key) != after.get(key)} == {part}


def test_what_is_done_to_frames_stands_there_in_words(folder: Path) -> None:
    name = next(file for file in folder.iterdir() if "processor" in file.name)
    before = identity(folder)

    def other_mean(settings: dict[str, Any]) -> None:
        settings.get("video_processor", settings)["image_mean"] = [0.5, 0.5, 0.25]

    edit(name, other_mean)
    after = identity(folder)
    assert after["pixels"]["image_mean"] == [0.5, 0.5, 0.25]
    assert {key for key in before if before[key] != after[key]} == {"pixels"}


def test_settings_of_few_processors_stand_beside_the_others() -> None:
    """And a checkpoint without them is what it was before there were any."""
    model = tiny_model()
    plain = identity_of(model.checkpoint, model.template, model.pixels)["pixels"]
    more = replace(model.pixels, further={"cells": 70})
    assert identity_of(model.checkpoint, model.template, more)["pixels"] == {**plain, "cells": 70}


def test_what_decides_no_number_makes_no_difference(folder: Path) -> None:
    before = identity(folder)

    def told(config: dict[str, Any]) -> None:
        config |= {"transformers_version": "9.9", "_name_or_path": "/elsewhere", "torch_dtype": "float16"}
        config["text_config"] |= {"_name_or_path": "x"}

    edit(folder / "config.json", told)
    content = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(dict(reversed(content.items())), indent=7))
    (folder / "README.md").write_text("About this model")
    assert identity(folder) == before
    moved = Path(shutil.move(folder, folder.parent / "elsewhere"))
    assert identity(moved) == before


def test_files_are_read_once_a_load(folder: Path) -> None:
    before = identity(folder)
    model: VideoLLM = load(folder, device="cpu")
    (folder / "tokenizer.json").unlink()
    assert identity_of(model.checkpoint, model.template, model.pixels) == before


@pytest.mark.parametrize(("said", "tokens"), [(7, [7]), ([9, 7], [7, 9]), (None, [])])
def test_tokens_that_end_a_text(said: Any, tokens: list[int]) -> None:
    class Settings:
        eos_token_id = said

    class Model:
        generation_config = Settings()

    model: Any = Model()
    assert stop_tokens(model) == tokens


def planted(folder: Path) -> Samples:
    return Samples([replace(planted_sample(folder, "A"), id=f"s/{n}") for n in range(3)], name="planted")


@pytest.mark.parametrize("part", ["config_sha256", "tokenizer_sha256", "chat_template_sha256"])
def test_a_run_does_not_go_on_with_another_model_of_the_same_weights(folder: Path, part: str) -> None:
    samples, out = planted(folder.parent), folder.parent / "run"
    accuracy(load(folder, device="cpu"), samples, frames=2, out=out, progress=False)
    (out / "shards" / "sample-00002.json").unlink()
    before = {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}
    CHANGES[part](folder)
    words = part.removesuffix("_sha256").replace("_", " ")
    with pytest.raises(RunError, match=rf"\n  {words} of the model: sha256 .* in the folder, sha256"):
        accuracy(load(folder, device="cpu"), samples, frames=2, out=out, progress=False)
    assert {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()} == before


def test_weights_with_an_adapter_beside_them_go_on_with_no_run(folder: Path) -> None:
    """One hash of weights would stand for two models, so that such a folder is not loaded at all."""
    samples, out = planted(folder.parent), folder.parent / "run"
    accuracy(load(folder, device="cpu"), samples, frames=2, out=out, progress=False)
    (folder / "adapter_model.safetensors").write_bytes(b"lora")
    with pytest.raises(ModelError, match="holds an adapter"):
        accuracy(load(folder, device="cpu"), samples, frames=2, out=out, progress=False)
