"""The shape of the embedded model is that of the checkpoints that ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from workbench.mini import checkpoint, checkpoints
from workbench.mini.architecture import build_model, save_checkpoint


def shapes(folder: Path) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        with safe_open(shard, framework="pt") as weights:
            found |= {name: list(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    return found


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("new") / "model"
    save_checkpoint(build_model(), folder)
    return folder


@pytest.mark.parametrize("name", checkpoints())
def test_a_new_model_is_written_as_the_shipped_ones_are(saved: Path, name: str) -> None:
    shipped = checkpoint(name)
    assert shapes(saved) == shapes(shipped)
    for file in ("video_preprocessor_config.json", "preprocessor_config.json", "processor_config.json"):
        assert json.loads((saved / file).read_text("utf-8")) == json.loads(
            (shipped / file).read_text("utf-8")
        ), file
    for side in ("text_config", "vision_config"):
        new, old = (
            json.loads((folder / "config.json").read_text("utf-8"))[side] for folder in (saved, shipped)
        )
        for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"):
            assert new[key] == old[key], (side, key)


def test_a_model_is_read_back_from_its_folder(saved: Path) -> None:
    again = build_model(saved)
    assert again.dtype == torch.float32
    assert {str(path.name) for path in saved.iterdir()} >= {"config.json", "tokenizer.json"}
