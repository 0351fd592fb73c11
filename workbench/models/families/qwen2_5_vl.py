"""Qwen2.5-VL: frames of any size, two frames a temporal unit, rotary positions with three axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from workbench.errors import ModelError
from workbench.models.families.base import Family, VideoInputs, frame_times
from workbench.models.families.vision_rows import frame_rows
from workbench.prompts.pixels import Backend, PixelSettings, pixels
from workbench.prompts.turn import Turn, VideoPiece
from workbench.shapes import Float, Int, shaped

if TYPE_CHECKING:
    from workbench.video import Clip

_TEXT, _VIDEO = 0, 2  # values of mm_token_type_ids; 1 is an image


class Qwen25VL(Family):
    """Qwen2_5_VLForConditionalGeneration."""

    model_type = "qwen2_5_vl"
    model_class = "Qwen2_5_VLForConditionalGeneration"
    models = "Qwen/Qwen2.5-VL-3B-Instruct, Qwen/Qwen2.5-VL-7B-Instruct"
    default_turn = Turn(
        opening="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<|vision_start|>",
        bridge="<|vision_end|>",
        closing="<|im_end|>\n<|im_start|>assistant\n",
        answer_gap="",
    )
    default_pixels = PixelSettings(size={"shortest_edge": 128 * 28 * 28, "longest_edge": 28 * 28 * 768})

    def vision_blocks(self, root: Any) -> Any:
        return root.model.visual.blocks

    def projector(self, root: Any) -> Any:
        return root.model.visual.merger

    def vision_rows(self, root: Any, inputs: Mapping[str, Tensor], *, merged: bool) -> Int[Tensor, "t p"]:
        tower = root.model.visual
        return frame_rows(tower, inputs, merge=int(tower.spatial_merge_size), merged=merged)

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        _check_patches(config, settings)
        merge, group = settings.merge_size, settings.temporal_patch_size
        count, height, width, _ = clip.frames.shape
        size = self.size((count, height, width), settings) if settings.do_resize else None
        patches, grid = patchify(pixels(clip.frames, settings, size=size, backend=backend), settings)
        rows, columns = grid[1] // merge, grid[2] // merge
        return VideoInputs(
            inputs={
                "pixel_values_videos": patches,
                "video_grid_thw": torch.tensor([grid], dtype=torch.long, device="cpu"),
                "second_per_grid_ts": torch.tensor(
                    [group * _seconds_per_frame(clip)], dtype=torch.float32, device="cpu"
                ),
            },
            pieces=tuple(self.pieces(frame_times(clip, group), placeholder * (rows * columns))),
            grid=(rows, columns),
            frame_times=frame_times(clip, group),
        )

    def size(self, frames: tuple[int, int, int], settings: PixelSettings) -> tuple[int, int]:
        """(height, width) to which `frames` (count, height, width) are resized."""
        return smart_resize(frames[1], frames[2], settings)

    def pieces(self, times: Sequence[Sequence[float]], shown: str) -> Iterator[VideoPiece]:
        """The video's part of the prompt, from the seconds of each unit's frames; `shown` is a unit."""
        return (VideoPiece(shown, t) for t in range(len(times)))

    @shaped
    def token_inputs(self, config: Any, input_ids: Int[Tensor, "1 s"]) -> dict[str, Tensor]:
        # Without these the model silently falls back to positions with one axis.
        kinds = torch.where(input_ids == self.video_token_id(config), _VIDEO, _TEXT)
        return {"mm_token_type_ids": kinds.to(torch.int32)}


def _check_patches(config: Any, settings: PixelSettings) -> None:
    vision = config.vision_config
    wanted = (vision.patch_size, vision.temporal_patch_size, vision.spatial_merge_size)
    found = (settings.patch_size, settings.temporal_patch_size, settings.merge_size)
    if wanted != found:
        raise ModelError(
            "The checkpoint's video processor cuts patches as (patch_size, temporal_patch_size, merge_size) "
            f"= {found}, and its vision tower takes {wanted}. Correct preprocessor_config.json."
        )


def _seconds_per_frame(clip: Clip) -> float:
    """Mean distance of the sampled frames in seconds; 1.0 where a single frame has none."""
    distances = np.diff(clip.timestamps)
    return float(distances.mean()) if distances.size else 1.0


def pixel_bounds(settings: PixelSettings, of: str) -> tuple[int, int]:
    """The least and the most pixels `of` a frame or a video. Raises ModelError where they are not said."""
    least, most = settings.size.get("shortest_edge"), settings.size.get("longest_edge")
    if not least or not most:
        raise ModelError(
            f"The video processor's size {dict(settings.size)} must name the least and most pixels of a "
            f"{of} as shortest_edge and longest_edge."
        )
    return least, most


def check_shape(height: int, width: int) -> None:
    """Raises ModelError for frames that transformers refuses as too narrow."""
    if max(height, width) / min(height, width) > 200:
        raise ModelError(
            f"Frames of {height} x {width} pixels are too narrow: one side may be at most 200 times the "
            "other. Crop the video."
        )


def smart_resize(height: int, width: int, settings: PixelSettings) -> tuple[int, int]:
    """(height, width): whole merged patches, between the least and most pixels, nearly the same shape.

    Follows transformers' function of the same name. Raises ModelError for shapes that it refuses.
    """
    factor = settings.patch_size * settings.merge_size
    least, most = pixel_bounds(settings, "frame")
    check_shape(height, width)
    new_height, new_width = round(height / factor) * factor, round(width / factor) * factor
    if new_height * new_width > most:
        shrink = math.sqrt(height * width / most)
        new_height = max(factor, math.floor(height / shrink / factor) * factor)
        new_width = max(factor, math.floor(width / shrink / factor) * factor)
    elif new_height * new_width < least:
        grow = math.sqrt(least / (height * width))
        new_height, new_width = (
            math.ceil(height * grow / factor) * factor,
            math.ceil(width * grow / factor) * factor,
        )
    return new_height, new_width


@shaped
def patchify(
    values: Float[Tensor, "t c h w"], settings: PixelSettings
) -> tuple[Float[Tensor, "patch value"], tuple[int, int, int]]:
    """Patches (units * rows * columns, c * group * patch * patch) of frames, and that grid.

    A unit is `temporal_patch_size` frames; the last frame is repeated to fill the last unit. Patches that
    merge into one cell lie side by side. Follows transformers' `Qwen2VLVideoProcessor.patchify`.
    """
    group, patch, merge = settings.temporal_patch_size, settings.patch_size, settings.merge_size
    missing = -values.shape[0] % group
    if missing:
        values = torch.cat([values, values[-1:].expand(missing, -1, -1, -1)])
    frames, channels, height, width = values.shape
    units, rows, columns = frames // group, height // patch, width // patch
    if height % (patch * merge) or width % (patch * merge):
        raise ModelError(
            f"Frames of {height} x {width} pixels do not divide into cells of {patch * merge} pixels. "
            "Set do_resize to true in the checkpoint's video processor."
        )
    split = values.reshape(
        units, group, channels, rows // merge, merge, patch, columns // merge, merge, patch
    )
    ordered = split.permute(0, 3, 6, 4, 7, 2, 1, 5, 8)
    flat = ordered.reshape(units * rows * columns, channels * group * patch * patch)
    return flat, (units, rows, columns)
