"""InternVL in its authors' prompts for video: Mini-InternVL-4B (all frames one image) and InternVideo2.5-8B.

InternVideo2.5 merges groups of four frames: a group is the temporal unit, and the rows behind "Frame2:" are
of all four. They are no grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.families.base import VideoInputs, frame_times
from workbench.models.families.internvl import InternVL
from workbench.prompts.pixels import Backend, PixelSettings
from workbench.prompts.turn import VideoPiece

if TYPE_CHECKING:
    from workbench.video import Clip


class InternVLVideo(InternVL):
    """InternVLVideoForConditionalGeneration."""

    model_type = "internvl_video"
    model_class = "InternVLVideoForConditionalGeneration"
    models = (
        "converted: OpenGVLab/Mini-InternVL-Chat-4B-V1-5, byminji/Mini-InternVL-4B-Video-FT, "
        "OpenGVLab/InternVideo2_5_Chat_8B"
    )

    def load_class(self) -> Any:
        from workbench.models.families.token_merging import InternVLVideoForConditionalGeneration

        return InternVLVideoForConditionalGeneration

    def config_class(self) -> Any:
        from workbench.models.families.token_merging import InternVLVideoConfig

        return InternVLVideoConfig

    def template_video(self, placeholder: str) -> str:
        return placeholder

    def frames_a_unit(self, config: Any) -> int:
        return config.merge_frames

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        group = config.merge_frames
        if len(clip) % group:
            raise ModelError(
                f"The clip has {len(clip)} frames, and this model merges them in groups of {group}. "
                f"Ask for a multiple of {group}: frames={-(-len(clip) // group) * group}."
            )
        made = super().video_inputs(config, settings, clip, placeholder=placeholder, backend=backend)
        shown = None if config.merge_tokens is None else placeholder * (config.merge_tokens // group)
        return made._replace(
            pieces=tuple(_pieces(made, group, shown, marked=config.image_marks == "frame")),
            grid=made.grid if shown is None else None,
            frame_times=frame_times(clip, group),
        )


def _pieces(made: VideoInputs, group: int, shown: str | None, *, marked: bool) -> Iterator[VideoPiece]:
    """InternVL's pieces by group, with or without numbers and marks; `shown` are the rows of a frame."""
    for piece in made.pieces:
        shows = not (piece.words or piece.separator)
        if shows or marked:
            text = shown if shows and shown is not None else piece.text
            yield piece._replace(text=text, frame=None if piece.frame is None else piece.frame // group)
