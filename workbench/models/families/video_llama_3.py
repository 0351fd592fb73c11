"""VideoLLaMA3: frames of any size, each behind its time, and commas between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from workbench.errors import ModelError
from workbench.models.families.base import Family, VideoInputs, frame_times
from workbench.models.families.qwen2_5_vl import patchify, smart_resize
from workbench.models.families.vision_rows import frame_rows
from workbench.prompts.pixels import Backend, PixelSettings, pixels
from workbench.prompts.turn import Turn, VideoPiece
from workbench.shapes import Int

if TYPE_CHECKING:
    from workbench.video import Clip

_HALF = (0.5, 0.5, 0.5)


class VideoLlama3(Family):
    """VideoLlama3ForConditionalGeneration. No token is compressed away, as in Map the Flow."""

    model_type = "video_llama_3"
    model_class = "VideoLlama3ForConditionalGeneration"
    models = "lkhl/VideoLLaMA3-7B-HF; converted: DAMO-NLP-SG/VideoLLaMA3-7B"
    default_separators = "frame"  # as Map the Flow counts times and commas
    paper_setting = "videollama3"
    default_turn = Turn(
        opening="<|im_start|>user\n",
        bridge="\n",
        closing="<|im_end|>\n<|im_start|>assistant\n",
        answer_gap="",
    )
    # max_tokens = 16384 and min_tokens = 16 cells of 28 x 28 pixels: image_processing_videollama3.py
    default_pixels = PixelSettings(
        size={"shortest_edge": 16 * 28 * 28, "longest_edge": 16384 * 28 * 28},
        image_mean=_HALF,
        image_std=_HALF,
        temporal_patch_size=1,
    )

    def vision_blocks(self, root: Any) -> Any:
        return root.model.vision_model.encoder.layers

    def projector(self, root: Any) -> Any:
        return root.model.projector

    def vision_rows(self, root: Any, inputs: Mapping[str, Tensor], *, merged: bool) -> Int[Tensor, "t p"]:
        merge = int(inputs["video_merge_sizes"][0])
        return frame_rows(root.model.vision_model, inputs, merge=merge, merged=merged)

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        if (found := settings.patch_size) != (wanted := config.vision_config.patch_size):
            raise ModelError(
                f"The checkpoint's video processor cuts patches of {found} pixels, and its tower takes "
                f"{wanted}. Correct video_preprocessor_config.json."
            )
        height, width = clip.frames.shape[1:3]
        size = _size(height, width, settings, len(clip)) if settings.do_resize else None
        patches, grid = patchify(pixels(clip.frames, settings, size=size, backend=backend), settings)
        merge = settings.merge_size
        rows, columns = grid[1] // merge, grid[2] // merge
        return VideoInputs(
            inputs={
                "pixel_values_videos": patches,
                "video_grid_thw": torch.tensor([grid], dtype=torch.long, device="cpu"),
                "video_merge_sizes": torch.tensor([merge], dtype=torch.long, device="cpu"),
            },
            pieces=tuple(_pieces(clip, placeholder * (rows * columns))),
            grid=(rows, columns),
            frame_times=frame_times(clip),
        )


def _size(height: int, width: int, settings: PixelSettings, frames: int) -> tuple[int, int]:
    """(height, width); all frames together have the most pixels."""
    most = settings.size.get("longest_edge")
    bounds = {**settings.size, **({"longest_edge": most // frames} if most else {})}
    return smart_resize(height, width, replace(settings, size=bounds))


def _pieces(clip: Clip, shown: str) -> Iterator[VideoPiece]:
    for t, second in enumerate(clip.timestamps):
        # The comma opens the later frame: Map the Flow counts it so.
        yield VideoPiece(f"{',' if t else ''}Time {float(second):.1f}s:", t, words=True)
        yield VideoPiece(shown, t)
