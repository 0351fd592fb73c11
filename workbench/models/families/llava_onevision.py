"""LLaVA-OneVision: every frame pooled to a square grid, and one newline after the last frame."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workbench.models.families.base import VideoInputs, frame_times
from workbench.models.families.llava import Llava, patches_per_side, square_pixels
from workbench.prompts.pixels import Backend, PixelSettings
from workbench.prompts.turn import Turn, VideoPiece

if TYPE_CHECKING:
    from workbench.video import Clip


class LlavaOnevision(Llava):
    """LlavaOnevisionForConditionalGeneration."""

    model_type = "llava_onevision"
    model_class = "LlavaOnevisionForConditionalGeneration"
    models = "llava-hf/llava-onevision-qwen2-7b-ov-hf, llava-hf/llava-onevision-qwen2-0.5b-ov-hf"
    paper_setting = "llava_onevision"
    default_turn = Turn(
        opening="<|im_start|>user ",
        bridge="\n",
        closing="<|im_end|>\n<|im_start|>assistant\n",
        answer_gap="",
    )
    default_pixels = PixelSettings(size={"height": 384, "width": 384})

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        values = square_pixels(config, settings, clip, backend)
        side = math.ceil(patches_per_side(config) / 2)
        frames = range(values.shape[1])
        return VideoInputs(
            inputs={"pixel_values_videos": values},
            pieces=(
                *(VideoPiece(placeholder * side**2, t) for t in frames),
                VideoPiece(placeholder, frames[-1], separator=True),
            ),
            grid=(side, side),
            frame_times=frame_times(clip),
        )
