"""Checkpoints that load, and every way in which a folder can be wrong."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlavaNextVideoForConditionalGeneration

from tests.models.broken_folders import BROKEN, drop, edit_weights, only_pickle
from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models import load


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_folder_is_refused_with_cause_and_remedy(folder: Path, kind: str) -> None:
    breaks, says = BROKEN[kind]
    breaks(folder)
    with pytest.raises(ModelError, match=says):
        load(folder, device="cpu")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("./nowhere", "no checkpoint folder ./nowhere"),
        ("/nowhere/at/all", "no checkpoint folder"),
        (Path("nowhere"), "no checkpoint folder nowhere"),
        ("llava", "hub id such as"),
        ("nobody/nothing", "the hub did not give it .*hf download nobody/nothing"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused(name: str | Path, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load(name)


def test_weights_that_the_model_computes_or_never_uses_are_left_out(tmp_path: Path) -> None:
    surplus = ("vision_tower.vision_model.head.probe", "language_model.model.rotary_emb.inv_freq")
    folder = Path(shutil.copytree(tiny_folder("llava_onevision"), tmp_path / "model"))
    edit_weights(lambda weights: weights.update({name: torch.zeros(1) for name in surplus}))(folder)
    model = tiny_model("llava_onevision")
    assert torch.equal(load(folder).logits(tiny_prompt(model)), model.logits(tiny_prompt(model)))


def test_a_revision_is_for_the_hub(folder: Path) -> None:
    with pytest.raises(ModelError, match="names a commit of the hub"):
        load(folder, revision="main")


def test_a_file_is_no_folder(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"is a file\. Give the folder"):
        load(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"attention": "flash"}, "'sdpa' or 'eager'"),
        ({"dtype": "int8"}, "dtype='int8' is not offered"),
        ({"dtype": torch.int64}, "dtype='torch.int64' is not offered"),
        ({"device": "gpu"}, "device='gpu' is unknown"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load(tiny_folder(), **options)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModelError, match="sees no GPU"):
        load(tiny_folder(), device="cuda")


def test_weights_are_those_of_the_folder() -> None:
    model = tiny_model()
    stored = load_file(tiny_folder() / "model.safetensors")
    plain = LlavaNextVideoForConditionalGeneration.from_pretrained(tiny_folder())
    assert len(stored) == len(plain.state_dict())
    ours = model.hf.state_dict()
    assert all(torch.equal(ours[name], weight) for name, weight in plain.state_dict().items())
    expected = hashlib.sha256((tiny_folder() / "model.safetensors").read_bytes()).hexdigest()
    assert model.weights_hash == expected


@pytest.mark.parametrize("dtype", ["bfloat16", torch.bfloat16, "torch.bfloat16"])
def test_dtypes_are_given_by_name_or_as_such(dtype: str | torch.dtype) -> None:
    model = load(tiny_folder(), dtype=dtype)
    assert model.dtype == torch.bfloat16
    assert "bfloat16" in repr(model)
    prompt = tiny_prompt(model)
    assert prompt.inputs["pixel_values_videos"].dtype == torch.float32  # rounded in the model, not before
    assert torch.isfinite(model.logits(prompt)).all()


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


def test_a_folder_is_named_by_its_last_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(folder).name == "model"
    monkeypatch.chdir(folder)
    assert load(".").name == "model"


def test_the_embedded_model_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import workbench.mini

    folders = {"video-ft": tiny_folder()}
    monkeypatch.setattr(workbench.mini, "checkpoint", folders.__getitem__, raising=False)
    model = load("mini/video-ft")
    assert model.name == "mini/video-ft"
    assert model.folder == tiny_folder()
