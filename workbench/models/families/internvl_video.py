"""InternVL in its authors' prompts for video: Mini-InternVL-4B (all frames one image) and InternVideo2.5-8B.

InternVideo2.5 merges groups of four frames: a group is the temporal unit, and the rows behind "Frame2:" are
of all four. They are no grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.families.base import Family, VideoInputs, frame_times
from workbench.prompts.pixels import Backend, PixelSettings, pixels
from workbench.prompts.turn import Turn, VideoPiece

if TYPE_CHECKING:
    from workbench.video import Clip

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class InternVLVideo(Family):
    """InternVLVideoForConditionalGeneration."""

    model_type = "internvl_video"
    model_class = "InternVLVideoForConditionalGeneration"
    models = (
        "converted: OpenGVLab/Mini-InternVL-Chat-4B-V1-5, byminji/Mini-InternVL-4B-Video-FT, "
        "OpenGVLab/InternVideo2_5_Chat_8B"
    )
    default_turn = Turn(
        opening="<|im_start|>user\n",
        bridge="\n",
        closing="<|im_end|>\n<|im_start|>assistant\n",
        answer_gap="",
    )
    default_pixels = PixelSettings(size={"height": 448, "width": 448}, image_mean=_MEAN, image_std=_STD)

    def load_class(self) -> Any:
        from workbench.models.families.token_merging import InternVLVideoForConditionalGeneration

        return InternVLVideoForConditionalGeneration

    def config_class(self) -> Any:
        from workbench.models.families.token_merging import InternVLVideoConfig

        return InternVLVideoConfig

    def frames_a_unit(self, config: Any) -> int:
        return config.merge_frames

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
        group = config.merge_frames
        if len(clip) % group:
            raise ModelError(
                f"The clip has {len(clip)} frames, and this model merges them in groups of {group}. "
                f"Ask for a multiple of {group}: frames={-(-len(clip) // group) * group}."
            )
        values = pixels(clip.frames, settings, backend=backend)
        size = tuple(config.vision_config.image_size)
        if tuple(values.shape[-2:]) != size:
            raise ModelError(
                f"The checkpoint's video processor makes frames of {tuple(values.shape[-2:])} pixels, and "
                "its "
                f"vision tower takes {size}. Set size in video_preprocessor_config.json to it."
            )
        side = int(size[0] // config.vision_config.patch_size[0] * config.downsample_ratio)
        rows = side**2 if config.merge_tokens is None else config.merge_tokens // group
        marked = config.image_marks == "frame"
        return VideoInputs(
            inputs={"pixel_values": values},
            pieces=tuple(_pieces(len(clip), group, placeholder * rows, marked=marked)),
            grid=(side, side) if config.merge_tokens is None else None,
            frame_times=frame_times(clip, group),
        )


def _pieces(frames: int, group: int, shown: str, *, marked: bool) -> Iterator[VideoPiece]:
    for t in range(frames):
        if marked:
            yield VideoPiece(f"Frame{t + 1}: ", t // group, words=True)
            yield VideoPiece("<img>", t // group, separator=True)
        yield VideoPiece(shown, t // group)
        if marked:
            yield VideoPiece("</img>", t // group, separator=True)
            if t < frames - 1:  # the last line break comes from what stands around the video
                yield VideoPiece("\n", t // group, words=True)
