"""GLM-4.1V and GLM-4.6V: frames as images, the second at which each unit begins behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from workbench.models.families.qwen3_vl import Qwen3VL
from workbench.prompts.pixels import PixelSettings
from workbench.prompts.turn import Turn, VideoPiece


class Glm4v(Qwen3VL):
    """Glm4vForConditionalGeneration."""

    model_type = "glm4v"
    model_class = "Glm4vForConditionalGeneration"
    models = "zai-org/GLM-4.1V-9B-Thinking"
    default_turn = Turn(
        opening="[gMASK]<sop><|user|>\n<|begin_of_video|>",
        bridge="<|end_of_video|>",
        closing="<|assistant|>\n",
        answer_gap="",
    )
    default_pixels = PixelSettings(size={"shortest_edge": 112 * 112, "longest_edge": 28 * 28 * 2 * 30000})

    def video_token_id(self, config: Any) -> int:
        return config.image_token_id  # the model looks for it inside videos too

    def template_video(self, placeholder: str) -> str:
        return "<|video|>"

    def deepstack(self, root: Any) -> Any:
        return ()

    def pieces(self, times: Sequence[Sequence[float]], shown: str) -> Iterator[VideoPiece]:
        for t, seconds in enumerate(times):
            yield VideoPiece("<|begin_of_image|>", t, separator=True)
            yield VideoPiece(shown, t)
            yield VideoPiece("<|end_of_image|>", t, separator=True)
            yield VideoPiece(self.time(seconds[0]), t, words=True)

    def time(self, second: float) -> str:
        """What is written behind a unit that begins at this second."""
        return str(int(second))


class Glm46V(Glm4v):
    """Glm46VForConditionalGeneration."""

    model_type = "glm46v"
    model_class = "Glm46VForConditionalGeneration"
    models = "zai-org/GLM-4.6V, zai-org/GLM-4.6V-Flash"

    def time(self, second: float) -> str:
        return f"{second:.1f} seconds"
