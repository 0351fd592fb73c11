"""A config says what the model is; how its author ran it, and what leads elsewhere, does not get in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.models.broken_folders import change_json, edit_weights
from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder, tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.checkpoints.config import described

WHERE = ("config.json", "text_config", "vision_config")
HABITS: tuple[dict[str, Any], ...] = (
    {"_attn_implementation": "flash_attention_2"},
    {"attn_implementation": "flash_attention_3"},
    {"_attn_implementation": "eager"},
    {"_attn_implementation_internal": "nobody/kernels"},
    {"attn_implementation": {"text_config": "eager", "vision_config": "flash_attention_2"}},
    {"return_dict": False},
    {"output_attentions": True},
    {"output_hidden_states": True},
    {"use_cache": False},
    {"torchscript": True},
    {"num_labels": 10**8},
)


def change(folder: Path, where: str, changes: dict[str, Any]) -> None:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (config if where == "config.json" else config[where]).update(changes)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("habit", HABITS, ids=str)
def test_how_an_author_ran_a_model_changes_nothing(folder: Path, where: str, habit: dict[str, Any]) -> None:
    change(folder, where, habit)
    model, plain = load(folder, device="cpu"), tiny_model()
    prompt = tiny_prompt(model)
    assert torch.equal(model.logits(prompt), plain.logits(prompt))
    assert model.generate(prompt, 3) == plain.generate(prompt, 3)
    assert model.hf.config.vision_config._attn_implementation == "sdpa"
    assert model.hf.config.text_config._attn_implementation == "workbench_sdpa"


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_attention_is_what_was_asked_for_in_every_part(folder: Path, attention: Any) -> None:
    """The decoder's is the user's choice; the vision tower always has SDPA."""
    for where in WHERE:
        change(folder, where, {"_attn_implementation": "flash_attention_2"})
    model = load(folder, device="cpu", attention=attention)
    prompt = tiny_prompt(model)
    assert torch.equal(model.logits(prompt), tiny_model(attention=attention).logits(prompt))
    assert model.hf.config.vision_config._attn_implementation == "sdpa"
    assert model.hf.config.text_config._attn_implementation == f"workbench_{attention}"


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_nothing_of_the_model_itself_is_left_out(family: FamilyName) -> None:
    said = json.loads((tiny_folder(family) / "config.json").read_text("utf-8"))
    kept = described(said)
    assert {**said, **kept} == {**kept, **{key: said[key] for key in said if key not in kept}}
    assert set(said) - set(kept) <= {"return_dict", "output_hidden_states", "use_cache"}
    assert set(said["text_config"]) - set(kept["text_config"]) <= {"use_cache"}
    assert kept is not said
    assert kept["text_config"] is not said["text_config"]


@pytest.mark.parametrize(
    ("where", "changes", "says"),
    [
        ("config.json", {"is_causal": False}, "is_causal = False: rows would see rows after them"),
        ("text_config", {"is_causal": False}, "text_config.is_causal = False"),
        ("text_config", {"use_bidirectional_attention": True}, "use_bidirectional_attention = True"),
        ("config.json", {"is_encoder_decoder": True}, "is_encoder_decoder = True"),
        ("config.json", {"transformers_weights": "other.safetensors.index.json"}, "whose hash a run notes"),
        ("text_config", {"transformers_weights": "other.safetensors"}, "text_config.transformers_weights"),
        ("config.json", {"fusion_config": {"a": 1}}, "fusion_config = .* load something other"),
        ("vision_config", {"use_pretrained_backbone": True}, "use_pretrained_backbone"),
        ("config.json", {"quantization_config": {"quant_method": "awq"}}, r"quantised weights \(awq\)"),
        ("config.json", {"quantization_config": {"quant_method": "gptq"}}, r"quantised weights \(gptq\)"),
        ("text_config", {"quantization_config": {"quant_method": "fp8"}}, r"quantised weights \(fp8\)"),
        ("text_config", {"num_hidden_layers": 10**6}, "1,000,000 layers, and the weights have 4"),
        ("vision_config", {"num_hidden_layers": 10**6}, "1,000,000 layers, and the weights have 4"),
        ("text_config", {"hidden_size": 2**40}, "hidden_size is beyond 2,147,483,648"),
        ("text_config", {"hidden_size": 2**16}, "describes a model of .* and the weights are"),
        ("text_config", {"vocab_size": 10**8}, "describes a model of .* and the weights are"),
    ],
    ids=str,
)
def test_what_leads_elsewhere_or_cannot_be_traced_is_refused(
    folder: Path, where: str, changes: dict[str, Any], says: str
) -> None:
    change(folder, where, changes)
    with pytest.raises(ModelError, match=says):
        load(folder, device="cpu")


def test_a_vision_tower_sees_all_of_a_frame(folder: Path) -> None:
    change(folder, "vision_config", {"is_causal": False})
    assert load(folder, device="cpu").n_layers == 4


@pytest.mark.parametrize("ending", ["qweight", "weight_packed", "weight_scale_inv", "SCB"])
def test_quantised_weights_are_told_by_their_names(folder: Path, ending: str) -> None:
    name = f"model.language_model.layers.0.mlp.up_proj.{ending}"
    edit_weights(lambda weights: weights.update({name: torch.zeros(1)}))(folder)
    with pytest.raises(ModelError, match=f"quantised weights .*{ending}.*bfloat16, float16 or float32"):
        load(folder, device="cpu")


def test_names_of_weights_do_not_make_a_model_deeper_than_any(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["model.language_model.layers.99999999.mlp.up_proj.weight"] = torch.zeros(1)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    change(folder, "text_config", {"num_hidden_layers": 10**6})
    with pytest.raises(ModelError, match="1,000,000 layers, and the weights have 1000"):
        load(folder, device="cpu")


def test_an_adapter_beside_whole_weights_is_refused(folder: Path) -> None:
    change_json_or_new(folder / "adapter_config.json", {"base_model_name_or_path": "llava-hf/base"})
    with pytest.raises(ModelError, match=r"holds an adapter .*llava-hf/base.*merge it.*move the adapter"):
        load(folder, device="cpu")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="This is an adapter"):
        load(folder, device="cpu")


def change_json_or_new(path: Path, content: dict[str, Any]) -> None:
    if not path.exists():
        path.write_text("{}")
    change_json(path, **content)
