"""What a folder says about frames comes from the file that transformers would read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import ModelError
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.checkpoints.processor import pixel_settings
from workbench.prompts.pixels import PixelSettings


def square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


def written(folder: Path, name: str, content: Any) -> Path:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def pixels_of(folder: Path, defaults: PixelSettings) -> PixelSettings:
    return pixel_settings(CheckpointFolder("a model", folder), defaults)


def test_settings_come_from_the_file_that_transformers_would_read(tmp_path: Path) -> None:
    defaults = PixelSettings(size=square(1), do_center_crop=True)
    written(tmp_path, "preprocessor_config.json", {"size": 32, "crop_size": 30, "image_mean": [0, 0.5, 1]})
    found = pixels_of(tmp_path, defaults)
    assert found.size == {"shortest_edge": 32}
    assert found.crop_size == square(30)
    assert found.image_mean == (0.0, 0.5, 1.0)
    assert found.do_center_crop
    written(tmp_path, "video_preprocessor_config.json", {"size": [20, 24], "do_center_crop": None})
    assert pixels_of(tmp_path, defaults).size == {"height": 20, "width": 24}
    assert pixels_of(tmp_path, defaults).do_center_crop
    written(tmp_path, "processor_config.json", {"video_token": "<video>"})
    assert pixels_of(tmp_path, defaults).size == {"height": 20, "width": 24}
    written(tmp_path, "processor_config.json", {"video_processor": {"size": square(16), "resample": 2}})
    assert pixels_of(tmp_path, defaults).size == square(16)


def test_what_stands_around_the_videos_part_is_read_where_a_family_follows_it(tmp_path: Path) -> None:
    defaults = PixelSettings(size=square(1), further={"with_marks": True})
    written(tmp_path, "processor_config.json", {"with_marks": False, "patch_size": 3})
    written(tmp_path, "preprocessor_config.json", {"size": square(16)})
    found = pixels_of(tmp_path, defaults)
    assert (found.further, found.patch_size) == ({"with_marks": False}, defaults.patch_size)
    written(tmp_path, "processor_config.json", {"with_marks": False, "video_processor": {"size": square(4)}})
    assert pixels_of(tmp_path, defaults).further == {"with_marks": False}
    assert pixels_of(tmp_path, PixelSettings(size=square(1))).further == {}


def test_older_qwen_settings_name_their_bounds(tmp_path: Path) -> None:
    written(tmp_path, "preprocessor_config.json", {"min_pixels": 3136, "max_pixels": 12845056})
    found = pixels_of(tmp_path, PixelSettings(size={"shortest_edge": 1, "longest_edge": 2}))
    assert found.size == {"shortest_edge": 3136, "longest_edge": 12845056}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON"),
        ([1], "must hold a json object"),
        ({"resample": 4}, "resampling filter 4"),
    ],
)
def test_settings_that_cannot_be_read_are_refused(tmp_path: Path, content: Any, says: str) -> None:
    written(tmp_path, "preprocessor_config.json", content)
    with pytest.raises(ModelError, match=says):
        pixels_of(tmp_path, PixelSettings(size=square(8)))


def test_a_folder_without_settings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="says nothing about how frames become pixels"):
        pixels_of(tmp_path, PixelSettings(size=square(8)))
