"""The LLaVA line: LongVA, LLaVA-Video, LLaVA-OneVision, LLaVA-NeXT-Video-32B, and PLLaVA.

One class: they differ in how a frame is pooled and in where newlines stand, which their configs say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from workbench.models.families.base import VideoInputs, frame_times
from workbench.models.families.llava import Llava, square_pixels
from workbench.prompts.pixels import Backend, PixelSettings
from workbench.prompts.turn import Turn, VideoPiece

if TYPE_CHECKING:
    from workbench.video import Clip


class LlavaPooled(Llava):
    """PooledLlavaForConditionalGeneration."""

    model_type = "llava_pooled"
    model_class = "PooledLlavaForConditionalGeneration"
    models = (
        "converted: lmms-lab/LongVA-7B, lmms-lab/LLaVA-Video-7B-Qwen2, lmms-lab/LLaVA-NeXT-Video-32B-Qwen, "
        "llava-hf/llava-v1.6-vicuna-7b-hf, byminji/LLaVA-NeXT-7B-Video-FT, byminji/LLaVA-NeXT-13B-Video-FT"
    )
    default_turn = Turn(
        opening="<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
        bridge="\n",
        closing="<|im_end|>\n<|im_start|>assistant\n",
        answer_gap="",
    )
    default_pixels = PixelSettings(size={"height": 384, "width": 384})

    def load_class(self) -> Any:
        from workbench.models.families.frame_pooling import PooledLlavaForConditionalGeneration

        return PooledLlavaForConditionalGeneration

    def config_class(self) -> Any:
        from workbench.models.families.frame_pooling import PooledLlavaConfig

        return PooledLlavaConfig

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        from workbench.models.families.frame_pooling import cells

        values = square_pixels(config, settings, clip, backend)
        grid = cells(config)
        return VideoInputs(
            inputs={"pixel_values_videos": values},
            pieces=tuple(_pieces(values.shape[1], *grid, config.newlines, placeholder)),
            grid=grid,
            frame_times=frame_times(clip),
        )


def _pieces(frames: int, rows: int, columns: int, newlines: str, placeholder: str) -> Iterator[VideoPiece]:
    for t in range(frames):
        if newlines == "grid":
            for _ in range(rows):
                yield VideoPiece(placeholder * columns, t)
                yield VideoPiece(placeholder, t, separator=True)
        else:
            yield VideoPiece(placeholder * (rows * columns), t)
        if newlines == "frame" or (newlines == "one_token" and t == frames - 1):
            yield VideoPiece(placeholder, t, separator=True)
