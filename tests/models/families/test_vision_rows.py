"""Rows of a vision tower that strings all frames together."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from workbench.errors import HookError
from workbench.models.families.vision_rows import frame_rows


@pytest.mark.parametrize("window", [None, 28, 56, 84, 112])
@pytest.mark.parametrize("grid", [(1, 2, 2), (2, 6, 8), (3, 10, 6)])
def test_rows_of_frames_are_a_permutation(window: int | None, grid: tuple[int, int, int]) -> None:
    tower = SimpleNamespace(spatial_merge_size=2, patch_size=14)
    if window is not None:
        tower.window_size = window
    prompt = {"video_grid_thw": torch.tensor([grid])}
    units, height, width = grid
    patches = frame_rows(tower, prompt, merge=2, merged=False)
    cells = frame_rows(tower, prompt, merge=2, merged=True)
    assert patches.shape == (units, height * width)
    assert cells.shape == (units, height * width // 4)
    for rows in (patches, cells):
        assert sorted(rows.flatten().tolist()) == list(range(rows.numel()))
        # a frame's patches stay together
        assert all(set(row.tolist()) == set(range(row.min(), row.max() + 1)) for row in rows)
    # four patches of a cell stay together, and lie in one 2 x 2 square of the raster
    square = patches.view(units, height // 2, 2, width // 2, 2).transpose(2, 3).reshape(units, -1, 4)
    assert torch.equal(square // 4, cells[..., None].expand_as(square))


def test_rows_of_frames_need_one_video() -> None:
    tower = SimpleNamespace(spatial_merge_size=2, patch_size=14)
    with pytest.raises(HookError, match="missing"):
        frame_rows(tower, {}, merge=2, merged=False)
    with pytest.raises(HookError, match=r"\(2, 3\)"):
        frame_rows(tower, {"video_grid_thw": torch.ones(2, 3, dtype=torch.long)}, merge=2, merged=False)
