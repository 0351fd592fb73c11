"""Which row of a vision tower belongs to which patch of which frame, where the tower strings them together.

Towers of the Qwen-VL line take all patches of a video as one sequence: square blocks of patches that are
later merged into one token, and (Qwen2.5-VL) these blocks sorted by attention window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from workbench.errors import HookError
from workbench.shapes import Int, shaped


@shaped
def frame_rows(tower: Any, prompt: Mapping[str, Tensor], *, merge: int, merged: bool) -> Int[Tensor, "t p"]:
    """Rows of the tower's sequence in raster order of each frame's patches; `merged`: of merged blocks, of
    `merge` x `merge` patches.

    t counts temporal units (two frames each in Qwen's). Raises HookError where the prompt does not hold
    exactly one video.
    """
    grid = prompt.get("video_grid_thw")
    if grid is None or grid.shape[0] != 1:
        raise HookError(
            "Hook points of this vision tower need a prompt with exactly one video "
            f"(video_grid_thw is {'missing' if grid is None else f'of shape {tuple(grid.shape)}'})."
        )
    units, height, width = (int(size) for size in grid[0])
    rows, columns = height // merge, width // merge
    place = _block_places(tower, grid, merge).reshape(units, rows, columns)
    if merged:
        return place.flatten(1)
    inside = torch.arange(merge * merge, device=place.device).reshape(merge, merge)
    patch = place[:, :, None, :, None] * merge * merge + inside[None, None, :, None, :]
    return patch.reshape(units, height * width)


def _block_places(tower: Any, grid: Tensor, merge: int) -> Tensor:
    """Place of each merged block, counted in raster order, in the tower's sequence."""
    blocks = int(grid.prod()) // merge**2
    if not hasattr(tower, "window_size"):
        return torch.arange(blocks, device="cpu")
    # At this place of the sequence stands that block; wanted is the inverse.
    return torch.argsort(_window_index(tower, grid.cpu(), merge))


def _window_index(tower: Any, grid: Tensor, merge: int) -> Tensor:
    older = getattr(tower, "get_window_index", None)  # before transformers moved it to a function
    if older is not None:
        return torch.as_tensor(older(grid)[0], device="cpu")
    from transformers.vision_utils import get_vision_window_index

    index, _ = get_vision_window_index(
        grid, spatial_merge_size=merge, window_size=tower.window_size, patch_size=tower.patch_size
    )
    return index
