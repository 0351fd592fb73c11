"""PLLaVA's format, and the image model that Map the Flow loads in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.broken_folders import change_json
from tests.tiny import tiny_prompt
from tests.tiny.originals import write_pllava
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.checkpoints.conversion import convert


def test_the_image_model_gets_the_pooling_of_the_paper(tmp_path: Path) -> None:
    weights = write_pllava(tmp_path / "base", base=True)
    model = load(convert(tmp_path / "base", tmp_path / "out"), device="cpu")
    config: Any = model.config
    assert (config.pool_mode, config.pool_cells, config.newlines) == ("adaptive", [12, 12], "no_token")
    hf: Any = model.hf
    assert torch.equal(hf.model.image_newline, weights["image_newline"])  # kept, and never shown


def test_a_frame_is_a_grid_of_the_pooling_shape(tmp_path: Path) -> None:
    write_pllava(tmp_path / "source", pooling_shape=[8, 3, 2])
    model = load(convert(tmp_path / "source", tmp_path / "out"), device="cpu")
    layout = tiny_prompt(model, n_frames=3).layout
    assert layout.grid == (3, 2)
    assert [len(layout[f"frame[{t}]"]) for t in range(3)] == [6, 6, 6]
    assert len(layout["video"]) == 18  # nothing in between


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"pooling_shape": [8, 12]}, "pooling_shape = .*three numbers"),
        ({"pooling_method": "max"}, "pooling_method = 'max'"),
        ({"image_token_index": 5}, "image_token_index = 5, and the tokenizer writes <image> as"),
        ({"text_config": {"model_type": "mistral"}}, "text_config is 'mistral'; only 'llama'"),
        ({"vision_config": 3}, "vision_config is 3; only 'clip_vision_model'"),
    ],
)
def test_what_would_compute_something_else_is_refused(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    write_pllava(tmp_path / "source")
    change_json(tmp_path / "source" / "config.json", **changes)
    with pytest.raises(ModelError, match=said):
        convert(tmp_path / "source", tmp_path / "out")


def test_unmerged_lora_weights_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    weights = write_pllava(source)
    from tests.tiny.originals import _save

    config = json.loads((source / "config.json").read_text())
    _save(source, config, {**weights, "language_model.base_model.x.lora_A.weight": torch.zeros(2, 2)})
    with pytest.raises(ModelError, match="holds LoRA weights"):
        convert(source, tmp_path / "out")
