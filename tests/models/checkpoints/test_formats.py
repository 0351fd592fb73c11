"""An authors' format is a class that says how its files become native weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlavaNextVideoConfig

from tests.models.broken_folders import change_json, edit_weights
from tests.tiny import tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.checkpoints import CheckpointFolder, recognition
from workbench.models.checkpoints.formats import Format, Loaded
from workbench.models.checkpoints.native import Native
from workbench.prompts.pixels import PixelSettings


class Theirs(Format):
    """Weights under other names, and a config that transformers does not know."""

    def model_type(self, folder: CheckpointFolder) -> str | None:
        told = folder.config.get("architectures") == ["TheirVideoModel"]
        renamed = any(name.startswith("their.") for name in folder.weight_names)
        return "llava_next_video" if told and renamed else None

    def config(self, folder: CheckpointFolder, *, trust_remote_code: bool) -> LlavaNextVideoConfig:
        return LlavaNextVideoConfig(**{**folder.config, "model_type": "llava_next_video"})

    def weights(
        self, folder: CheckpointFolder, family: Any, config: Any, dtype: Any, *, allow_pickle: bool
    ) -> Loaded:
        hf, info = family.load_class().from_pretrained(
            folder.path, config=config, dtype=dtype, key_mapping={"^their[.]": ""}, output_loading_info=True
        )
        return Loaded(hf, info)


def test_an_authors_format_is_told_by_its_architecture_and_its_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(weights: dict[str, torch.Tensor]) -> None:
        native = {f"their.{name}": weight for name, weight in tiny_model().hf.state_dict().items()}
        weights.clear()
        weights.update({name: weight.clone() for name, weight in native.items()})

    edit_weights(rename)(folder)
    change_json(folder / "config.json", architectures=["TheirVideoModel"], model_type="theirs")
    with pytest.raises(ModelError, match="is a 'theirs' model"):
        load(folder, device="cpu")
    monkeypatch.setattr(recognition, "FORMATS", (Theirs(), *recognition.FORMATS))
    model = load(folder, device="cpu")
    prompt = tiny_prompt(model)
    assert torch.equal(model.logits(prompt), tiny_model().logits(prompt))


class Silent(Native):
    """A folder that says nothing about frames, and whose template calls people otherwise."""

    def pixels(self, folder: CheckpointFolder, family: Any) -> PixelSettings:
        return tiny_model().pixels

    def template(self, folder: CheckpointFolder, tokenizer: Any) -> str:
        return (super().template(folder, tokenizer) or "").replace("USER", "HUMAN")


def test_a_format_says_what_its_files_leave_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "video_preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="says nothing about how frames become pixels"):
        load(folder, device="cpu")
    monkeypatch.setattr(recognition, "FORMATS", (Silent(),))
    model = load(folder, device="cpu")
    assert model.pixels == tiny_model().pixels
    assert model.turn == tiny_model().turn._replace(opening="HUMAN: ")
