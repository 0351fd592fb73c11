"""Every weight of the model comes from the folder, and every weight of the folder has a place."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlavaNextVideoForConditionalGeneration

from tests.models.broken_folders import drop, edit_weights, only_pickle
from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models import load


def test_weights_that_the_model_computes_or_never_uses_are_left_out(tmp_path: Path) -> None:
    surplus = ("vision_tower.vision_model.head.probe", "language_model.model.rotary_emb.inv_freq")
    folder = Path(shutil.copytree(tiny_folder("llava_onevision"), tmp_path / "model"))
    edit_weights(lambda weights: weights.update({name: torch.zeros(1) for name in surplus}))(folder)
    model = tiny_model("llava_onevision")
    assert torch.equal(load(folder).logits(tiny_prompt(model)), model.logits(tiny_prompt(model)))


def test_weights_are_those_of_the_folder() -> None:
    model = tiny_model()
    stored = load_file(tiny_folder() / "model.safetensors")
    plain = LlavaNextVideoForConditionalGeneration.from_pretrained(tiny_folder())
    assert len(stored) == len(plain.state_dict())
    ours = model.hf.state_dict()
    assert all(torch.equal(ours[name], weight) for name, weight in plain.state_dict().items())
    expected = hashlib.sha256((tiny_folder() / "model.safetensors").read_bytes()).hexdigest()
    assert model.weights_hash == expected


def test_shards_and_pickles_load_the_same_weights(folder: Path, tmp_path: Path) -> None:
    prompt = tiny_prompt(tiny_model())
    expected = tiny_model().logits(prompt)
    sharded = Path(shutil.copytree(folder, tmp_path / "sharded"))
    (sharded / "model.safetensors").unlink()
    tiny_model().hf.save_pretrained(sharded, max_shard_size="200KB")
    assert len(list(sharded.glob("*.safetensors"))) > 1
    model = load(sharded)
    assert torch.equal(model.logits(prompt), expected)
    assert model.weights_hash != tiny_model().weights_hash
    only_pickle(folder)
    pickled = load(folder, allow_pickle=True)
    assert torch.equal(pickled.logits(prompt), expected)
    assert len(pickled.weights_hash) == 64


def test_a_newline_that_videos_never_use_may_be_missing(tmp_path: Path) -> None:
    next_video = Path(shutil.copytree(tiny_folder(), tmp_path / "next"))
    drop("image_newline")(next_video)
    prompt = tiny_prompt(tiny_model())
    assert torch.equal(load(next_video).logits(prompt), tiny_model().logits(prompt))
    onevision = Path(shutil.copytree(tiny_folder("llava_onevision"), tmp_path / "onevision"))
    drop("image_newline")(onevision)
    with pytest.raises(ModelError, match="image_newline"):
        load(onevision)
