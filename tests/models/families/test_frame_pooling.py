"""How frames are pooled and where newlines stand, against the definition written out."""

from __future__ import annotations

import math

import pytest
import torch

from tests.tiny import tiny_model
from workbench.models.families.frame_pooling import PooledLlavaConfig, cells, pooled, with_newlines


def config(side: int, mode: str, stride: int = 2, wanted: list[int] | None = None) -> PooledLlavaConfig:
    vision = {"model_type": "siglip_vision_model", "image_size": side * 7, "patch_size": 7}
    return PooledLlavaConfig(vision_config=vision, pool_mode=mode, pool_stride=stride, pool_cells=wanted)  # type: ignore[arg-type]


@pytest.mark.parametrize("side", [4, 27])
@pytest.mark.parametrize(("mode", "of"), [("average", torch.mean), ("max", torch.amax)])
def test_squares_of_patches(side: int, mode: str, of: object) -> None:
    features = torch.randn(2, side * side, 3)
    said = config(side, mode)
    result = pooled(features, said)
    half = side // 2
    assert cells(said) == (half, half)
    assert tuple(result.shape) == (2, half, half, 3)
    square = features.view(2, side, side, 3)[1, 2:4, 0:2]  # second row of cells, first column
    torch.testing.assert_close(result[1, 1, 0], of(square.flatten(0, 1), dim=0))  # type: ignore[operator]


def test_bilinear_rounds_up_and_keeps_a_plane() -> None:
    """Interpolation of values that are linear in place gives the values at the cells' middles."""
    side, to = 27, 14
    said = config(side, "bilinear")
    assert cells(said) == (to, to)
    rows = torch.arange(side, dtype=torch.float32)
    plane = (rows[:, None] + 10 * rows[None]).reshape(1, -1, 1)
    middles = (torch.arange(to) + 0.5) * side / to - 0.5
    expected = middles[:, None] + 10 * middles[None]
    torch.testing.assert_close(pooled(plane, said)[0, 1:-1, 1:-1, 0], expected[1:-1, 1:-1])


def test_adaptive_pooling_averages_to_any_grid() -> None:
    said = config(4, "adaptive", wanted=[2, 4])
    features = torch.randn(1, 16, 3)
    expected = features.view(1, 2, 2, 4, 3).mean(2)
    torch.testing.assert_close(pooled(features, said), expected)


def test_newlines() -> None:
    video = torch.arange(2 * 2 * 3, dtype=torch.float32).view(2, 2, 3, 1)
    written = {
        where: with_newlines(video, torch.tensor([-1.0]), where)[:, 0].tolist()  # type: ignore[arg-type]
        for where in ("grid", "frame", "one_token", "no_token")
    }
    assert written["grid"] == [0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1]
    assert written["frame"] == [0, 1, 2, 3, 4, 5, -1, 6, 7, 8, 9, 10, 11, -1]
    assert written["one_token"] == [*range(12), -1]
    assert written["no_token"] == list(range(12))


@pytest.mark.parametrize(
    "wrong",
    [
        {"pool_mode": "sum"},
        {"newlines": "often"},
        {"pool_mode": "adaptive"},
        {"pool_cells": [2, 2]},
        {"pool_stride": 0},
    ],
)
def test_settings_that_there_are_not_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Exception, match=r"pool_|newlines"):
        PooledLlavaConfig(**wrong)  # type: ignore[arg-type]


def test_pooling_before_the_projector_is_another_model() -> None:
    """With a projector that is not linear; both have as many rows."""
    model = tiny_model("llava_pooled")
    pixels = torch.randn(1, 4, 3, 28, 28)
    hf = model.hf.model  # type: ignore[union-attr]
    with torch.no_grad():
        after = hf.get_video_features(pixels).pooler_output
        try:
            model.config.pool_before_projector = True
            before = hf.get_video_features(pixels).pooler_output
        finally:
            model.config.pool_before_projector = False
    assert before.shape == after.shape
    assert (before - after).abs().max() > 1e-2
    assert math.isclose(after.shape[1], 4 * 2 * 3)
