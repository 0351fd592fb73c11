"""Pixel values are those of the Hugging Face processors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from transformers import CLIPImageProcessor

from tests.tiny import tiny_clip
from workbench.errors import ModelError
from workbench.models.families.qwen2_5_vl import patchify, smart_resize
from workbench.prompts.pixels import (
    PixelSettings,
    pixels,
    seen_frames,
    settings_of,
    target_size,
)

HALF = (0.5, 0.5, 0.5)


def noise(height: int, width: int) -> np.ndarray:
    """Two frames that look random and are the same everywhere."""
    numbers = np.arange(2 * height * width * 3, dtype=np.uint64) * 2654435761 % 2**32 >> 24
    return numbers.astype(np.uint8).reshape(2, height, width, 3)


def square(side: int) -> dict[str, int]:
    return {"height": side, "width": side}


# Made by transformers 5.23's video processors with torchvision 0.28: six values, sum and sum of squares.
PROCESSED = {
    "LlavaNextVideo": (
        (90, 131),
        PixelSettings(size={"shortest_edge": 56}, do_center_crop=True, crop_size=square(56)),
        [-0.42001, 1.039348, -0.442155, 0.981438, 0.424029, -0.939857],
        (3527.212, 13833.0),
    ),
    "LlavaNextVideo, enlarged and padded": (
        (31, 23),
        PixelSettings(size={"shortest_edge": 40}, do_center_crop=True, crop_size={"height": 56, "width": 48}),
        [-1.792263, -1.752097, -1.48022, -1.792263, -1.752097, -1.48022],
        (-3332.323, 20016.819),
    ),
    "LlavaOnevision": (
        (90, 131),
        PixelSettings(size=square(60), image_mean=HALF, image_std=HALF),
        [0.207843, -0.035294, -0.207843, 0.47451, -0.388235, 0.403922],
        (-0.22, 3396.277),
    ),
    "LlavaOnevision, bilinear": (
        (90, 131),
        PixelSettings(size=square(60), image_mean=HALF, image_std=HALF, resample=2),
        [0.2, -0.082353, -0.152941, 0.403922, -0.356863, 0.396078],
        (0.329, 1973.006),
    ),
}


@pytest.mark.parametrize("name", PROCESSED)
def test_pixels_are_those_of_the_video_processor(name: str) -> None:
    (height, width), settings, values, (total, squares) = PROCESSED[name]
    found = pixels(noise(height, width), settings).flatten().double()
    assert found[:: len(found) // 6][:6].tolist() == pytest.approx(values, abs=1e-5)
    assert found.sum().item() == pytest.approx(total, abs=0.01)
    assert found.square().sum().item() == pytest.approx(squares, abs=0.01)


@pytest.mark.parametrize("shape", [(31, 23), (90, 131), (28, 28)])
def test_pil_backend_equals_transformers_image_processor(shape: tuple[int, int]) -> None:
    frames = noise(*shape)
    settings = PixelSettings(size={"shortest_edge": 28}, do_center_crop=True, crop_size=square(28))
    processor = CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=square(28))
    expected = processor([*frames], return_tensors="pt")["pixel_values"]
    assert torch.allclose(pixels(frames, settings, backend="pil"), expected, atol=1e-5)


def bicubic_by_hand(values: np.ndarray, size: int) -> np.ndarray:
    """Antialiased bicubic interpolation (a = -0.5) of the first axis in float64, from its definition."""
    scale = len(values) / size
    width = max(scale, 1.0)

    def kernel(x: float) -> float:
        x = abs(x)
        if x < 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    out = []
    for i in range(size):
        center = (i + 0.5) * scale
        low, high = max(int(center - 2 * width + 0.5), 0), min(int(center + 2 * width + 0.5), len(values))
        weights = np.array([kernel((k + 0.5 - center) / width) for k in range(low, high)])
        out.append(np.tensordot(weights / weights.sum(), values[low:high].astype(np.float64), axes=1))
    return np.stack(out)


def test_resizing_equals_the_definition_of_bicubic_interpolation() -> None:
    frames = tiny_clip(2, height=60, width=48).frames
    settings = PixelSettings(size={"height": 28, "width": 70}, do_rescale=False, do_normalize=False)
    found = pixels(frames, settings).permute(0, 2, 3, 1).numpy()
    for frame, mine in zip(frames, found, strict=True):
        across = bicubic_by_hand(np.moveaxis(frame, 1, 0), 70)
        # Each pass is rounded to whole grey levels, and its weights to fixed point.
        rounded = np.clip(np.round(across), 0, 255)
        expected = np.clip(bicubic_by_hand(np.moveaxis(rounded, 1, 0), 28), 0, 255)
        assert np.abs(mine - expected).max() <= 2
        assert np.abs(mine - expected).mean() <= 0.3


def test_frames_of_the_right_size_are_only_rescaled_and_normalised() -> None:
    frames = noise(8, 8)
    settings = PixelSettings(size=square(8), image_mean=(0.1, 0.2, 0.3), image_std=(0.5, 0.6, 0.7))
    expected = (frames / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.5, 0.6, 0.7])
    assert np.allclose(pixels(frames, settings).permute(0, 2, 3, 1).numpy(), expected, atol=1e-6)
    only_rescaled = dataclasses.replace(settings, do_normalize=False)
    assert torch.allclose(pixels(frames, only_rescaled), torch.from_numpy(frames).permute(0, 3, 1, 2) / 255)


def test_shapes_that_cannot_be_followed_are_refused() -> None:
    bounds = PixelSettings(size={"shortest_edge": 56 * 56, "longest_edge": 600 * 600})
    with pytest.raises(ModelError, match="too narrow"):
        smart_resize(1, 300, bounds)
    with pytest.raises(ModelError, match="least and most pixels"):
        smart_resize(30, 30, PixelSettings(size=square(8)))
    with pytest.raises(ModelError, match="cannot be followed"):
        target_size(30, 30, PixelSettings(size={"max_height": 4, "max_width": 4}))
    with pytest.raises(ModelError, match="do not divide"):
        patchify(torch.zeros(2, 3, 30, 30), bounds)
    with pytest.raises(ModelError, match="'torch' or 'pil'"):
        pixels(noise(9, 9), PixelSettings(size=square(8)), backend="cv2")  # type: ignore[arg-type]


def test_seen_frames_are_what_becomes_pixels() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 36, 48, 3), dtype=np.uint8)
    settings = PixelSettings(
        size={"shortest_edge": 28}, do_center_crop=True, crop_size={"height": 28, "width": 28}
    )
    seen = seen_frames(frames, settings)
    assert seen.shape == (2, 28, 28, 3)
    assert seen.dtype == np.uint8
    whole = dataclasses.replace(settings, do_resize=False, do_center_crop=False, do_normalize=False)
    plain = pixels(seen, whole)
    assert torch.equal(plain, pixels(frames, dataclasses.replace(settings, do_normalize=False)))
    assert seen_frames(frames, dataclasses.replace(settings, do_center_crop=False)) is frames


DEFAULTS = PixelSettings(size=square(28))


def read(**said: object) -> PixelSettings:
    return settings_of(said, DEFAULTS, source="preprocessor_config.json")


def test_settings_of_few_processors_are_read_where_a_family_follows_them() -> None:
    defaults = dataclasses.replace(DEFAULTS, further={"capped": False, "cells": 70, "pooling": (3, 3)})

    def further(**said: object) -> object:
        return settings_of(said, defaults, source="config.json").further

    assert further(others=1) == defaults.further
    assert further(capped=True, cells=140, pooling=[2, 4]) == {
        "capped": True,
        "cells": 140,
        "pooling": (2, 4),
    }
    for wrong in ({"capped": 3}, {"cells": 0}, {"cells": "many"}, {"pooling": [2]}):
        with pytest.raises(ModelError, match=f"config.json: {next(iter(wrong))}"):
            further(**wrong)
    assert read(capped=True, cells=140) == DEFAULTS


def test_settings_are_read_in_all_the_ways_that_authors_write_them() -> None:
    assert read() == DEFAULTS
    assert read(size=None, do_resize=None, image_processor_type="X") == DEFAULTS
    assert read(size=336).size == {"shortest_edge": 336}
    assert read(size=[336]).size == square(336)
    assert read(size=[224, 336]).size == {"height": 224, "width": 336}
    assert read(size={"shortest_edge": 3136, "longest_edge": 12845056}).size["longest_edge"] == 12845056
    assert read(min_pixels=4, max_pixels=9).size == {**square(28), "shortest_edge": 4, "longest_edge": 9}
    assert read(crop_size=30).crop_size == square(30)
    assert read(image_mean=[0, 0.5, 1]).image_mean == (0.0, 0.5, 1.0)
    assert read(rescale_factor=0.00392156862745098).rescale_factor == 1 / 255


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"rescale_factor": 0}, "rescale_factor: Input should be greater than 0"),
        ({"rescale_factor": float("nan")}, "rescale_factor"),
        ({"rescale_factor": "a"}, "rescale_factor"),
        ({"size": []}, "size"),
        ({"size": [1, 2, 3]}, "size"),
        ({"size": 0}, "size"),
        ({"size": -28}, "size"),
        ({"size": 10**9}, "size"),
        ({"size": "big"}, "size"),
        ({"size": {"height": None, "width": "a"}}, "size"),
        ({"size": {"shortest_edge": 10**6}}, "shortest_edge 1,000,000 is no side of a frame"),
        ({"min_pixels": 10**12}, "min_pixels"),
        ({"max_pixels": 0}, "max_pixels"),
        (
            {"do_center_crop": True, "crop_size": {"shortest_edge": 3}},
            "crop_size .* must have height and width",
        ),
        ({"crop_size": []}, "crop_size"),
        ({"do_resize": "perhaps"}, "do_resize"),
        ({"resample": [3]}, "resample"),
        ({"image_mean": 3}, "image_mean"),
        ({"image_mean": [0.5]}, "image_mean"),
        ({"image_std": [0, 1, 1]}, "image_std"),
        ({"patch_size": 0}, "patch_size"),
        ({"temporal_patch_size": 10**6}, "temporal_patch_size"),
        ({"merge_size": None, "patch_size": {}}, "patch_size"),
    ],
    ids=str,
)
def test_settings_of_another_kind_or_beyond_all_models_are_refused(
    said: dict[str, object], says: str
) -> None:
    with pytest.raises(ModelError, match=rf"preprocessor_config\.json.*{says}"):
        read(**said)


@pytest.mark.parametrize("said", [3, None, [], "size"])
def test_settings_that_are_no_object_are_refused(said: object) -> None:
    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        settings_of(said, DEFAULTS, source="preprocessor_config.json")
