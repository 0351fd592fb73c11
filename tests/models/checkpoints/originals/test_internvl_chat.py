"""InternVL's own format: joint weights taken apart, old names of settings, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.broken_folders import change_json
from tests.tiny.originals import HEADS, KV, WIDTH, write_internvl
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.checkpoints.conversion import convert


def test_internlm2s_joint_projection_is_taken_apart_by_key_head(tmp_path: Path) -> None:
    """wqkv holds, for each key head, the rows of its query heads, then its key's, then its value's."""
    weights = write_internvl(tmp_path / "source", hico=True)
    hf: Any = load(convert(tmp_path / "source", tmp_path / "out"), device="cpu").hf
    joint = weights["language_model.model.layers.1.attention.wqkv.weight"]
    attention = hf.model.language_model.layers[1].self_attn
    head, shared = WIDTH // HEADS, HEADS // KV
    for kv in range(KV):
        start = kv * (shared + 2) * head
        for q in range(shared):
            rows = joint[start + q * head : start + (q + 1) * head]
            place = (kv * shared + q) * head
            assert torch.equal(attention.q_proj.weight[place : place + head], rows)
        key, value = joint[start + shared * head :][:head], joint[start + (shared + 1) * head :][:head]
        assert torch.equal(attention.k_proj.weight[kv * head : (kv + 1) * head], key)
        assert torch.equal(attention.v_proj.weight[kv * head : (kv + 1) * head], value)


def test_the_longrope_of_phi3_had_another_name(tmp_path: Path) -> None:
    write_internvl(tmp_path / "source")
    config: Any = load(convert(tmp_path / "source", tmp_path / "out"), device="cpu").config
    assert config.text_config.rope_parameters["rope_type"] == "longrope"
    assert config.text_config.original_max_position_embeddings == 256
    assert (config.merge_tokens, config.image_marks, config.paper_setting) == (None, "video", "mini_internvl")


def test_hico_is_told_by_the_name_of_its_code(tmp_path: Path) -> None:
    write_internvl(tmp_path / "source", hico=True)
    config: Any = load(convert(tmp_path / "source", tmp_path / "out"), device="cpu").config
    assert (config.merge_frames, config.merge_tokens, config.image_marks) == (4, 64, "frame")
    change_json(
        tmp_path / "source" / "config.json",
        auto_map={"AutoModel": "modeling_internvl_chat.InternVLChatModel"},
    )
    other: Any = load(convert(tmp_path / "source", tmp_path / "plain"), device="cpu").config
    assert other.merge_tokens is None  # InternVL2, with the same decoder


def config_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "config.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ps_version": "v1"}, "ps_version is 'v1': its pixel shuffle turns every frame"),
        ({"use_llm_lora": 16}, "holds LoRA weights"),
        ({"llm_config": {"architectures": ["MistralForCausalLM"]}}, "known are Phi3ForCausalLM"),
        ({"llm_config": None}, "llm_config.architectures = None"),
    ],
)
def test_what_would_compute_something_else_is_refused(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    write_internvl(tmp_path / "source")
    change_json(tmp_path / "source" / "config.json", **changes)
    with pytest.raises(ModelError, match=said):
        convert(tmp_path / "source", tmp_path / "out")


def test_a_config_that_leaves_the_shuffle_out_means_v1(tmp_path: Path) -> None:
    """Their config class has v1 as its default."""
    write_internvl(tmp_path / "source")
    said = config_of(tmp_path / "source")
    del said["ps_version"]
    (tmp_path / "source" / "config.json").write_text(json.dumps(said))
    with pytest.raises(ModelError, match="ps_version is 'v1'"):
        convert(tmp_path / "source", tmp_path / "out")


def test_internlm2_without_the_name_of_its_code_is_ambiguous(tmp_path: Path) -> None:
    write_internvl(tmp_path / "source", hico=True)
    said = config_of(tmp_path / "source")
    del said["auto_map"]
    (tmp_path / "source" / "config.json").write_text(json.dumps(said))
    with pytest.raises(ModelError, match=r"auto_map is missing, and nothing else tells InternVideo2\.5"):
        convert(tmp_path / "source", tmp_path / "out")
