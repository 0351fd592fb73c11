"""Video-LLaVA: every patch of every frame, behind the frame's class token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.models.families.base import VideoInputs, frame_times
from workbench.models.families.llava import Llava, patches_per_side, square_pixels
from workbench.prompts.pixels import Backend, PixelSettings
from workbench.prompts.turn import Turn, VideoPiece

if TYPE_CHECKING:
    from workbench.video import Clip


class VideoLlava(Llava):
    """VideoLlavaForConditionalGeneration.

    The class token's row is no patch, so it counts as a separator; it shows its frame and no other, so it is
    counted to that frame by default.
    """

    model_type = "video_llava"
    model_class = "VideoLlavaForConditionalGeneration"
    models = "LanguageBind/Video-LLaVA-7B-hf"
    default_turn = Turn(opening="USER: ", bridge="\n", closing=" ASSISTANT:", answer_gap=" ")
    default_pixels = PixelSettings(
        size={"shortest_edge": 224}, do_center_crop=True, crop_size={"height": 224, "width": 224}
    )
    default_separators = "frame"

    def vision_blocks(self, root: Any) -> Any:
        tower = root.model.video_tower
        return getattr(tower, "vision_model", tower).encoder.layers

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        values = square_pixels(config, settings, clip, backend)
        side = patches_per_side(config)
        return VideoInputs(
            inputs={"pixel_values_videos": values},
            pieces=tuple(
                piece
                for t in range(len(clip))
                for piece in (
                    VideoPiece(placeholder, t, separator=True),
                    VideoPiece(placeholder * side**2, t),
                )
            ),
            grid=(side, side),
            frame_times=frame_times(clip),
        )
