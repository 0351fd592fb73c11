"""LoRA adapters: merged as the definition says, wholly or not at all, and part of a run's identity."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.tiny import HIDDEN, tiny_folder, tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models import load
from workbench.runs.settings import model_settings

RANK = 3
PREFIX = "base_model.model."
Q = "model.language_model.layers.1.self_attn.q_proj"


def adapter(folder: Path, modules: tuple[str, ...] = (Q,), *, seed: int = 0, **said: Any) -> dict[str, Any]:
    """An adapter as peft saves one; gives its weights."""
    folder.mkdir(exist_ok=True)
    generator = torch.Generator().manual_seed(seed)
    weights: dict[str, torch.Tensor] = {}
    for module in modules:
        weights[f"{PREFIX}{module}.lora_A.weight"] = torch.randn(RANK, HIDDEN, generator=generator)
        weights[f"{PREFIX}{module}.lora_B.weight"] = torch.randn(HIDDEN, RANK, generator=generator)
    settings = {
        "peft_type": "LORA",
        "base_model_name_or_path": "llava-hf/base",
        "r": RANK,
        "lora_alpha": 6,
        "bias": "none",
        "target_modules": list(modules),
        "lora_dropout": 0.05,
        **said,
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    save_file(weights, folder / "adapter_model.safetensors")
    return weights


def loaded(place: Path, **more: Any) -> Any:
    return load(tiny_folder(), device="cpu", adapter=place, **more).hf


@pytest.mark.parametrize(("said", "scale"), [({}, 2.0), ({"use_rslora": True}, 6 / 3**0.5)])
def test_the_sum_is_the_definition(said: dict[str, Any], scale: float, tmp_path: Path) -> None:
    weights = adapter(tmp_path / "lora", **said)
    before, after = tiny_model().hf.state_dict(), loaded(tmp_path / "lora").state_dict()
    low = weights[f"{PREFIX}{Q}.lora_B.weight"].double() @ weights[f"{PREFIX}{Q}.lora_A.weight"].double()
    for name in before:
        if name == f"{Q}.weight":
            expected = before[name].double() + scale * low
            torch.testing.assert_close(after[name].double(), expected, atol=1e-5, rtol=0)
        else:
            assert torch.equal(after[name], before[name]), name


@pytest.mark.parametrize(
    "module",
    [
        Q,
        "language_model.model.layers.1.self_attn.q_proj",  # transformers before 4.52
        "model.layers.1.self_attn.q_proj",  # of the language model alone, and the LLaVA repositories
    ],
)
def test_other_names_of_a_module_are_known(module: str, tmp_path: Path) -> None:
    adapter(tmp_path / "plain")
    adapter(tmp_path / "other", (module,))
    same = loaded(tmp_path / "plain").state_dict(), loaded(tmp_path / "other").state_dict()
    assert all(torch.equal(same[0][name], same[1][name]) for name in same[0])


def test_modules_that_were_trained_whole_are_replaced(tmp_path: Path) -> None:
    weights = adapter(tmp_path / "lora")
    new = torch.randn(HIDDEN)
    weights[f"{PREFIX}model.language_model.norm.weight"] = new
    save_file(weights, tmp_path / "lora" / "adapter_model.safetensors")
    assert torch.equal(loaded(tmp_path / "lora").model.language_model.norm.weight, new)


def test_base_and_adapter_are_both_in_a_runs_identity(tmp_path: Path) -> None:
    adapter(tmp_path / "one")
    adapter(tmp_path / "other", seed=1)
    adapter(tmp_path / "stronger", lora_alpha=7)
    plain = model_settings(tiny_model())
    found = [
        model_settings(load(tiny_folder(), device="cpu", adapter=tmp_path / name))
        for name in ("one", "other", "stronger")
    ]
    assert {settings["weights_sha256"] for settings in found} == {plain["weights_sha256"]}
    assert len({settings["adapter_sha256"] for settings in found}) == 3
    assert "adapter_sha256" not in plain


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft reads what transformers renamed
def test_logits_are_those_of_peft(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft", reason="peft is not installed")
    adapter(tmp_path / "lora")
    model = load(tiny_folder(), device="cpu", adapter=tmp_path / "lora")
    prompt = tiny_prompt(model)
    theirs = peft.PeftModel.from_pretrained(loaded_plain(), tmp_path / "lora").merge_and_unload()
    with torch.no_grad():
        other = theirs(**prompt.inputs).logits[0]
    torch.testing.assert_close(model.logits(prompt), other, atol=1e-4, rtol=0)


def loaded_plain() -> Any:
    return load(tiny_folder(), device="cpu").hf


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"peft_type": "IA3"}, "peft_type: .*'LORA'"),
        ({"use_dora": True}, "use_dora"),
        ({"bias": "all"}, "bias: .*'none'"),
        ({"fan_in_fan_out": True}, "fan_in_fan_out"),
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
        ({"r": 0}, "r: .*greater than 0"),
        ({"r": 4}, r"is of \(3, 64\) and \(64, 3\), and the model takes \(4, 64\)"),
    ],
)
def test_what_is_no_plain_lora_is_refused(said: dict[str, Any], message: str, tmp_path: Path) -> None:
    adapter(tmp_path / "lora", **said)
    with pytest.raises(ModelError, match=message):
        loaded(tmp_path / "lora")


def test_a_weight_without_a_place_is_refused_by_name(tmp_path: Path) -> None:
    adapter(tmp_path / "lora", (Q, "model.language_model.layers.9.self_attn.q_proj"))
    with pytest.raises(ModelError, match=r"layers\.9\.self_attn\.q_proj, which this model does not have"):
        loaded(tmp_path / "lora")


def test_half_an_adapter_is_refused(tmp_path: Path) -> None:
    weights = adapter(tmp_path / "lora")
    weights.pop(f"{PREFIX}{Q}.lora_B.weight")
    save_file(weights, tmp_path / "lora" / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="has no other half"):
        loaded(tmp_path / "lora")


def test_parts_that_are_not_of_linear_layers_are_refused(tmp_path: Path) -> None:
    weights = adapter(tmp_path / "lora")
    weights[f"{PREFIX}model.language_model.embed_tokens.lora_embedding_A"] = torch.zeros(RANK, 8)
    save_file(weights, tmp_path / "lora" / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="lora_embedding_A is no part of a plain LoRA"):
        loaded(tmp_path / "lora")


def test_folders_without_an_adapter_and_pickled_ones_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"has no adapter_config\.json"):
        loaded(tiny_folder())
    adapter(tmp_path / "lora")
    (tmp_path / "lora" / "adapter_model.safetensors").rename(tmp_path / "lora" / "adapter_model.bin")
    with pytest.raises(ModelError, match="as a pickle only"):
        loaded(tmp_path / "lora")
    (tmp_path / "lora" / "adapter_model.bin").unlink()
    with pytest.raises(ModelError, match="has its weights nowhere"):
        loaded(tmp_path / "lora")


def test_a_base_that_was_mistaken_for_an_adapter_says_how_to_merge(tmp_path: Path) -> None:
    adapter(tmp_path / "lora")
    with pytest.raises(ModelError, match=r"This is an adapter: .*adapter="):
        load(tmp_path / "lora", device="cpu")
