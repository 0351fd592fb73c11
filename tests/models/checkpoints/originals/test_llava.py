"""The LLaVA-NeXT repository's format: what its settings become, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.models.broken_folders import change_json
from tests.tiny.originals import LLAVA, SIDE, _save, write_llava
from workbench.errors import ModelError
from workbench.models import load
from workbench.models.checkpoints.conversion import convert

SAYS: dict[str, tuple[str, str, str]] = {
    # pooling and newlines as the papers and repositories have them
    "longva": ("average", "no_token", "longva"),
    "llava_video": ("bilinear", "grid", "llava_video"),
    "llava_onevision": ("bilinear", "one_token", "llava_onevision"),
    "llava_frame": ("average", "frame", "llava_onevision"),
}


@pytest.mark.parametrize("name", SAYS)
def test_pooling_and_newlines_are_settings(name: str, tmp_path: Path) -> None:
    write_llava(tmp_path / "source", name)
    config: Any = load(convert(tmp_path / "source", tmp_path / "out"), device="cpu").config
    assert (config.pool_mode, config.newlines, config.paper_setting) == SAYS[name]
    clip = LLAVA[name]["clip"]
    assert config.vision_feature_select_strategy == ("default" if clip else "full")
    assert config.vision_feature_layer == (-2 if clip else -1)
    assert config.vision_config.image_size == SIDE
    assert config.text_config.rope_parameters["rope_theta"] == 1e6


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"add_faster_video": True}, "add_faster_video puts coarser frames"),
        ({"mm_projector_type": "linear"}, "mm_projector_type = 'linear'"),
        ({"mm_spatial_pool_mode": "conv"}, "mm_spatial_pool_mode = 'conv'; known are average"),
        ({"mm_vision_select_feature": "cls_patch"}, "only 'patch' can be converted"),
        ({"mm_newline_position": "corner"}, "mm_newline_position = 'corner' is unknown"),
        ({"mm_patch_merge_type": "tree"}, "mm_patch_merge_type = 'tree'"),
    ],
)
def test_what_would_compute_something_else_is_refused(
    changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    write_llava(tmp_path / "source", "llava_video")
    change_json(tmp_path / "source" / "config.json", **changes)
    with pytest.raises(ModelError, match=said):
        convert(tmp_path / "source", tmp_path / "out")


def test_a_checkpoint_without_its_tower_is_refused_by_name(tmp_path: Path) -> None:
    source = tmp_path / "source"
    weights = write_llava(source, "longva")
    config = json.loads((source / "config.json").read_text())
    _save(source, config, {name: weight for name, weight in weights.items() if "vision_tower" not in name})
    with pytest.raises(ModelError, match=r"no weights of the vision tower \('openai/clip-tiny'\)"):
        convert(source, tmp_path / "out")


def test_a_newline_that_is_used_must_be_there(tmp_path: Path) -> None:
    source = tmp_path / "source"
    weights = write_llava(source, "llava_video")
    config = json.loads((source / "config.json").read_text())
    _save(source, config, {name: weight for name, weight in weights.items() if "newline" not in name})
    with pytest.raises(ModelError, match=r"1 missing \(model.image_newline\)"):
        convert(source, tmp_path / "out")


def test_a_sequence_merge_without_unpad_has_no_newline(tmp_path: Path) -> None:
    write_llava(
        tmp_path / "source", "llava_video", mm_patch_merge_type="spatial", mm_newline_position="one_token"
    )
    model = load(convert(tmp_path / "source", tmp_path / "out"), device="cpu")
    assert model.config.newlines == "no_token"
