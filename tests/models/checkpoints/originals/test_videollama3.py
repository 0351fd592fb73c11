"""VideoLLaMA3's own format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.broken_folders import change_json
from tests.tiny import tiny_prompt
from tests.tiny.originals import write_videollama3
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.checkpoints.conversion import convert


def test_both_names_of_the_tower_give_the_same_model(tmp_path: Path) -> None:
    found = []
    for twice in (False, True):
        source, out = tmp_path / f"{twice}", tmp_path / f"{twice}-out"
        write_videollama3(source, twice=twice)
        model = load(convert(source, out), device="cpu")
        found.append(model.logits(tiny_prompt(model)))
    assert torch.equal(*found)


def test_the_bounds_of_pixels_come_from_the_preprocessor(tmp_path: Path) -> None:
    write_videollama3(tmp_path / "source")
    model = load(convert(tmp_path / "source", tmp_path / "out"), device="cpu")
    assert model.pixels.size == {"shortest_edge": 14 * 14, "longest_edge": 16 * 14 * 14}
    assert model.pixels.temporal_patch_size == 1
    assert model.placeholder == "<|video_pad|>"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vision_encoder_config": None}, "does not describe the vision tower"),
        ({"mm_projector_type": "linear"}, "mm_projector_type = 'linear'"),
    ],
)
def test_what_cannot_be_converted_is_refused(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    write_videollama3(tmp_path / "source")
    change_json(tmp_path / "source" / "config.json", **changes)
    with pytest.raises(ModelError, match=said):
        convert(tmp_path / "source", tmp_path / "out")
