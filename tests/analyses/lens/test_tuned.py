"""A tuned lens: the logit lens where its maps are zero, the model itself at the end, and safe on the disk."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from pandas.testing import assert_frame_equal
from safetensors.torch import save_file

import workbench as wb
from tests.analyses.lens.made_lenses import identity_lens
from tests.tiny import tiny_model, tiny_prompt
from workbench.analyses.lens.unembedding import read_residual
from workbench.errors import ModelError, RunError


@pytest.mark.parametrize("family", ["llava_onevision", "qwen2_5_vl"])
def test_untrained_it_is_the_logit_lens(family) -> None:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    told: dict[str, Any] = {"rows": "video + last", "top_k": 3, "words": ["right"], "progress": False}
    plain = wb.logit_lens(model, prompt, **told)
    tuned = wb.logit_lens(model, prompt, lens=identity_lens(model), **told)
    assert_frame_equal(plain.table, tuned.table)
    assert_frame_equal(plain.words, tuned.words)
    assert (plain.lens, tuned.lens) == ("logit lens", "tuned lens")


def test_maps_act_in_their_layers_and_the_last_layer_is_the_models_own() -> None:
    model = tiny_model("llava_onevision")
    prompt = tiny_prompt(model)
    lens = identity_lens(model)
    draw = torch.Generator().manual_seed(0)
    lens.weight.copy_(torch.randn(lens.weight.shape, generator=draw) / 4)
    lens.bias.copy_(torch.randn(lens.bias.shape, generator=draw))
    read: Any = wb.logit_lens(model, prompt, rows="last", top_k=1, lens=lens, progress=False)
    own = model.logits(prompt)[-1].float().softmax(-1)
    assert read.table["p"].iloc[-1] == pytest.approx(float(own.max()), rel=1e-5)
    assert read.table["token_id"].iloc[-1] == int(own.argmax())
    _, cache = model.run_with_cache(prompt, "blocks.1.hook_resid_post")
    residual = cache["resid_post", 1][0, -1:]
    mapped = residual + residual @ lens.weight[2].T + lens.bias[2]
    expected = read_residual(model, mapped)
    second = read.table[read.table["layer"] == 2]
    assert second["p"].item() == pytest.approx(float(expected.top_p), rel=1e-5)
    assert torch.equal(lens.translate(residual, model.n_layers), residual)


def test_it_comes_back_from_the_disk_as_it_was(tmp_path) -> None:
    lens = identity_lens(tiny_model())
    lens.weight[1, 2, 3] = 0.5
    path = lens.save(tmp_path / "lens.safetensors")
    found = wb.TunedLens.load(path)
    assert torch.equal(found.weight, lens.weight)
    assert torch.equal(found.bias, lens.bias)
    assert_frame_equal(found.loss, lens.loss)
    assert found.trained == lens.trained
    assert (found.sha256, found.name) == (lens.sha256, lens.name)
    assert found.sha256 != identity_lens(tiny_model()).sha256
    assert "4 layers" in repr(found)


def test_another_model_is_refused() -> None:
    lens = identity_lens(tiny_model("llava_onevision"))
    other = tiny_model("llava_onevision", n_layers=3)
    with pytest.raises(ModelError, match=r"was made for .*, and .* has other weights.*Train one"):
        wb.logit_lens(other, tiny_prompt(other), lens=lens, progress=False)
    merged = dataclasses.replace(lens, trained={"model": lens.trained["model"] | {"load_in": "4bit"}})
    model = tiny_model("llava_onevision")
    with pytest.raises(ModelError, match="other load_in"):
        wb.logit_lens(model, tiny_prompt(model), lens=merged, progress=False)


def test_what_cannot_be_used_is_refused(tmp_path) -> None:
    model = tiny_model()
    prompt = tiny_prompt(model)
    with pytest.raises(RunError, match="lens= is a str"):
        wb.logit_lens(model, prompt, lens="tuned", progress=False)  # type: ignore[arg-type]
    with pytest.raises(RunError, match="final_norm=False is of the logit lens"):
        wb.logit_lens(model, prompt, lens=identity_lens(model), final_norm=False, progress=False)


@pytest.mark.parametrize("damage", ["missing", "cut", "other", "shape", "dtype", "json", "nobody"])
def test_a_file_that_is_no_tuned_lens_ends_in_one_clear_error(tmp_path, damage) -> None:
    path = tmp_path / "lens.safetensors"
    lens = identity_lens(tiny_model())
    maps = {"weight": lens.weight.contiguous(), "bias": lens.bias.contiguous()}
    told = '{"trained": {"model": {}}, "loss": []}'
    if damage == "cut":
        path.write_bytes(lens.save(path).read_bytes()[:-40])
    elif damage == "other":
        save_file({"weight": maps["weight"]}, path)
    elif damage == "shape":
        save_file(maps | {"bias": torch.zeros(3)}, path, metadata={"tuned_lens": told})
    elif damage == "dtype":
        save_file({name: part.half() for name, part in maps.items()}, path, metadata={"tuned_lens": told})
    elif damage == "json":
        save_file(maps, path, metadata={"tuned_lens": "{"})
    elif damage == "nobody":
        save_file(maps, path, metadata={"tuned_lens": '{"trained": {}}'})
    with pytest.raises(RunError, match=r"lens\.safetensors"):
        wb.TunedLens.load(path)


def test_low_precision_keeps_its_type() -> None:
    lens = identity_lens(tiny_model())
    residual = torch.ones(2, lens.bias.shape[1], dtype=torch.bfloat16)
    assert lens.translate(residual, 0).dtype == torch.bfloat16
    assert np.isfinite(lens.translate(residual, 0).float().numpy()).all()
