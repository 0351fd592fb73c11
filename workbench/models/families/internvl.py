"""InternVL 3 and 3.5 in transformers' format: each frame an image of its own, behind its number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.families.base import Family, VideoInputs, frame_times
from workbench.prompts.pixels import Backend, PixelSettings, pixels
from workbench.prompts.turn import Turn, VideoPiece

if TYPE_CHECKING:
    from workbench.video import Clip


class InternVL(Family):
    """InternVLForConditionalGeneration."""

    model_type = "internvl"
    model_class = "InternVLForConditionalGeneration"
    models = "OpenGVLab/InternVL3-8B-hf, OpenGVLab/InternVL3_5-8B-HF"
    default_turn = Turn(
        opening="<|im_start|>user\n",
        bridge="\n",
        closing="<|im_end|>\n<|im_start|>assistant\n",
        answer_gap="",
    )
    default_pixels = PixelSettings(size={"height": 384, "width": 384})

    def template_video(self, placeholder: str) -> str:
        return "<video>"

    def vision_blocks(self, root: Any) -> Any:
        return root.model.vision_tower.encoder.layer

    def vision_blocks_used(self, config: Any, blocks: int) -> int:
        layer = config.vision_feature_layer
        return layer if layer >= 0 else blocks + 1 + layer

    def projector(self, root: Any) -> Any:
        return root.model.multi_modal_projector

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        values = pixels(clip.frames, settings, backend=backend)
        tower = config.vision_config
        if list(values.shape[-2:]) != list(tower.image_size):
            raise ModelError(
                f"The checkpoint's video processor makes frames of {tuple(values.shape[-2:])} pixels, and "
                f"its vision tower takes {tuple(tower.image_size)}. Set size in its "
                "video_preprocessor_config.json to that."
            )
        rows, columns = (
            int(size // patch * config.downsample_ratio)
            for size, patch in zip(tower.image_size, tower.patch_size, strict=True)
        )
        return VideoInputs(
            inputs={"pixel_values": values},
            pieces=tuple(_pieces(len(clip), placeholder * (rows * columns))),
            grid=(rows, columns),
            frame_times=frame_times(clip),
        )


def _pieces(frames: int, shown: str) -> Iterator[VideoPiece]:
    for t in range(frames):
        yield VideoPiece(f"\nFrame{t + 1}: " if t else "Frame1: ", t, words=True)
        yield VideoPiece("<img>", t, separator=True)
        yield VideoPiece(shown, t)
        yield VideoPiece("</img>", t, separator=True)
