"""LLaVA-NeXT-Video: every frame pooled to a square grid, frames one after another, nothing in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.models.families.base import VideoInputs, frame_times
from workbench.models.families.llava import Llava, patches_per_side, square_pixels
from workbench.prompts.pixels import Backend, PixelSettings
from workbench.prompts.turn import Turn, VideoPiece

if TYPE_CHECKING:
    from workbench.video import Clip


class LlavaNextVideo(Llava):
    """LlavaNextVideoForConditionalGeneration."""

    model_type = "llava_next_video"
    model_class = "LlavaNextVideoForConditionalGeneration"
    models = "llava-hf/LLaVA-NeXT-Video-7B-hf, llava-hf/LLaVA-NeXT-Video-34B-hf"
    default_turn = Turn(opening="USER: ", bridge="\n", closing=" ASSISTANT:", answer_gap=" ")
    default_pixels = PixelSettings(
        size={"shortest_edge": 224}, do_center_crop=True, crop_size={"height": 224, "width": 224}
    )
    # Newlines belong to still images only.
    optional_weights = ("model.image_newline",)

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        values = square_pixels(config, settings, clip, backend)
        side = patches_per_side(config) // config.spatial_pool_stride
        return VideoInputs(
            inputs={"pixel_values_videos": values},
            pieces=tuple(VideoPiece(placeholder * side**2, t) for t in range(values.shape[1])),
            grid=(side, side),
            frame_times=frame_times(clip),
        )
