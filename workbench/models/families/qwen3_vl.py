"""Qwen3-VL: a time stamp and marks around every unit; visual features also join after the first layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from workbench.models.families.qwen2_5_vl import Qwen25VL, check_shape, pixel_bounds
from workbench.prompts.pixels import PixelSettings
from workbench.prompts.turn import Turn, VideoPiece

_START, _END = "<|vision_start|>", "<|vision_end|>"


class Qwen3VL(Qwen25VL):
    """Qwen3VLForConditionalGeneration."""

    model_type = "qwen3_vl"
    model_class = "Qwen3VLForConditionalGeneration"
    models = "Qwen/Qwen3-VL-2B-Instruct, Qwen/Qwen3-VL-8B-Instruct"
    default_turn = Turn(
        opening="<|im_start|>user\n", bridge="", closing="<|im_end|>\n<|im_start|>assistant\n", answer_gap=""
    )
    default_pixels = PixelSettings(
        size={"shortest_edge": 128 * 32 * 32, "longest_edge": 32 * 32 * 768},
        image_mean=(0.5, 0.5, 0.5),
        image_std=(0.5, 0.5, 0.5),
        patch_size=16,
        further={"cap_pixels_per_frame": False, "max_video_tokens": 768},
    )

    def template_video(self, placeholder: str) -> str:
        # As the processor that came with the model does (transformers 4.57). That of 5.0 leaves the
        # template's marks where they are, around all units and their own.
        return f"{_START}{placeholder}{_END}"

    def deepstack(self, root: Any) -> Any:
        return root.model.visual.deepstack_merger_list

    def size(self, frames: tuple[int, int, int], settings: PixelSettings) -> tuple[int, int]:
        return smart_resize(*frames, settings)

    def pieces(self, times: Sequence[Sequence[float]], shown: str) -> Iterator[VideoPiece]:
        for t, seconds in enumerate(times):
            # A last unit that is not full repeats its last frame.
            yield VideoPiece(f"<{(seconds[0] + seconds[-1]) / 2:.1f} seconds>", t, words=True)
            yield VideoPiece(_START, t, separator=True)
            yield VideoPiece(shown, t)
            yield VideoPiece(_END, t, separator=True)


class Qwen3VLMoe(Qwen3VL):
    """Qwen3VLMoeForConditionalGeneration: Qwen3-VL with a mixture of experts for an MLP."""

    model_type = "qwen3_vl_moe"
    model_class = "Qwen3VLMoeForConditionalGeneration"
    models = "Qwen/Qwen3-VL-30B-A3B-Instruct"
    # An expert sees the rows that are sent to it, not the sequence.
    hook_places: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "mlp.hook_pre": (),
        "mlp.hook_pre_linear": (),
        "mlp.hook_post": (),
    }


def smart_resize(count: int, height: int, width: int, settings: PixelSettings) -> tuple[int, int]:
    """(height, width) of `count` frames: whole merged patches, and of all frames together between the least
    and the most pixels.

    Follows transformers' function of the same name, and its cap for each frame where the checkpoint asks for
    it; a single frame counts as two, as it is shown twice.
    Raises ModelError for shapes that it refuses.
    """
    factor, group = settings.patch_size * settings.merge_size, settings.temporal_patch_size
    least, most = pixel_bounds(settings, "video")
    if min(height, width) < factor:
        scale = max(factor / height, factor / width)
        height, width = int(height * scale), int(width * scale)
    check_shape(height, width)
    count = max(count, group)
    if settings.further.get("cap_pixels_per_frame"):
        tokens = settings.further["max_video_tokens"]
        most = count * max(min(tokens * factor**2, most // count), int(least * 1.05))
    rows, columns = round(height / factor), round(width / factor)
    pixels = round(count / group) * group * rows * factor * columns * factor
    if pixels > most:
        shrink = math.sqrt(count * height * width / most)
        rows, columns = (max(1, math.floor(side / shrink / factor)) for side in (height, width))
    elif pixels < least:
        grow = math.sqrt(least / (count * height * width))
        rows, columns = (math.ceil(side * grow / factor) for side in (height, width))
    return rows * factor, columns * factor
