"""Decoders in 4 and 8 bits: what is rounded, that engines still agree, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from torch import nn

from tests.tiny import tiny_folder, tiny_model, tiny_prompt
from workbench.engine import get_engine
from workbench.errors import ModelError
from workbench.interventions import Flow, centred, knockouts
from workbench.models import VideoLLM, load
from workbench.models.quantized import check_bits, quantize, weight_of
from workbench.runs.settings import model_settings


@pytest.fixture(scope="module", params=["4bit", "8bit"])
def model(request: pytest.FixtureRequest) -> VideoLLM:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    return load(tiny_folder(), load_in=request.param)


def test_the_decoder_alone_is_rounded(model: VideoLLM) -> None:
    rounded = {
        name
        for name, module in model.hf.named_modules()
        if isinstance(module, nn.Linear) and not module.weight.is_floating_point()
    }
    whole = tiny_model().hf
    inside = {
        f"{at}.{name}"
        for at, layer in whole.named_modules()
        if layer in list(tiny_model().family.decoder_layers(whole))
        for name, module in layer.named_modules()
        if isinstance(module, nn.Linear)
    }
    assert rounded == inside
    assert len(rounded) == 7 * model.n_layers
    assert model.load_in is not None
    assert f"float32 and {model.load_in}" in repr(model)
    assert model_settings(model)["load_in"] == model.load_in
    assert "load_in" not in model_settings(tiny_model())


def test_engines_agree_and_cut_edges_stay_cut(model: VideoLLM) -> None:
    """Also where several cuts are computed at once: a row's numbers do not depend on other rows."""
    prompt = tiny_prompt(model)
    asked = knockouts(
        [Flow.parse("video -> question"), Flow.parse("video -> last")], [centred(1)], model.n_layers
    )
    found, wanted = (get_engine(name).outcomes(model, prompt, asked) for name in ("incremental", "reference"))
    assert [one.p for one in found.changed] == pytest.approx([one.p for one in wanted.changed], rel=1e-4)
    untouched = get_engine("reference").outcomes(tiny_model(), prompt, [])
    assert wanted.baseline.p != pytest.approx(untouched.baseline.p, rel=1e-4), "weights are rounded"
    assert wanted.baseline.p == pytest.approx(
        untouched.baseline.p, rel={"4bit": 0.4, "8bit": 0.04}[str(model.load_in)]
    ), "and not to anything"


def test_heads_add_up_to_attention_in_4_bits_and_are_refused_in_8(model: VideoLLM) -> None:
    names = ["blocks.1.attn.hook_result", "blocks.1.hook_attn_out"]
    if model.load_in == "8bit":
        with pytest.raises(ModelError, match="hook_z"):
            model.run_with_cache(tiny_prompt(model), names)
        return
    kept: Any = model.run_with_cache(tiny_prompt(model), names).cache
    torch.testing.assert_close(kept[names[0]].sum(2), kept[names[1]])


def test_a_layer_is_rounded_to_16_levels_of_each_block() -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    linear = nn.Linear(64, 32)
    before, bias = linear.weight.detach().clone(), linear.bias
    part = nn.Sequential(linear)
    assert quantize([part], "4bit", torch.device("cpu")) == 1
    after = weight_of(part[0])
    assert part[0].bias is not linear.bias or part[0].bias is bias
    for row, old in zip(after, before, strict=True):  # 64 weights are a block
        assert len(set(row.tolist())) <= 16
        assert (row - old).abs().max() < 0.16 * old.abs().max(), "half of NF4's widest step"
    given = torch.randn(3, 64)
    torch.testing.assert_close(part(given), nn.functional.linear(given, after, bias))
    assert weight_of(linear) is linear.weight


def test_what_is_not_offered_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong: Any = "3bit"
    with pytest.raises(ModelError, match="'4bit' or '8bit'"):
        load(tiny_folder(), load_in=wrong)
    with pytest.raises(ModelError, match="exclude each other"):
        load(tiny_folder(), load_in="4bit", device_map="auto")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ModelError, match="pip install bitsandbytes"):
        check_bits("4bit")
    check_bits(None)
