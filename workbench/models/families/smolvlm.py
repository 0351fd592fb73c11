"""SmolVLM2: a sentence about the clip, then every frame behind its time, each squeezed into a square."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from workbench.errors import ModelError
from workbench.models.families.base import Family, VideoInputs, frame_times
from workbench.prompts.pixels import Backend, PixelSettings, pixels, resized
from workbench.prompts.turn import Turn, VideoPiece

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from workbench.video import Clip

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_LONGEST_SIDE = 4096  # pixels
_MARK = "<fake_token_around_image>"


class SmolVLM(Family):
    """SmolVLMForConditionalGeneration."""

    model_type = "smolvlm"
    model_class = "SmolVLMForConditionalGeneration"
    models = "HuggingFaceTB/SmolVLM2-2.2B-Instruct, HuggingFaceTB/SmolVLM2-500M-Video-Instruct"
    default_turn = Turn(
        opening="<|im_start|>User: ", bridge="", closing="<end_of_utterance>\nAssistant:", answer_gap=" "
    )
    default_pixels = PixelSettings(
        size={"longest_edge": 4 * 364}, resample=1, image_mean=(0.5, 0.5, 0.5), image_std=(0.5, 0.5, 0.5)
    )

    def turn(self, template: str | None, tokenizer: PreTrainedTokenizerBase, placeholder: str) -> Turn:
        # transformers' processor takes this template wherever there is a video, whatever the checkpoint says.
        return self.default_turn

    def decoder(self, root: Any) -> Any:
        return root.model.text_model

    def vision_blocks(self, root: Any) -> Any:
        return root.model.vision_model.encoder.layers

    def projector(self, root: Any) -> Any:
        return root.model.connector

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        frames, side = clip.frames, config.vision_config.image_size
        if settings.do_resize and (longest := settings.size.get("longest_edge")):
            # In two steps, as transformers does: to the longest edge, then to the tower's square.
            size = _scaled(frames.shape[1], frames.shape[2], min(longest, _LONGEST_SIDE))
            frames = resized(frames, settings, size, backend=backend)
        values = pixels(frames, settings, size=(side, side), backend=backend)
        if tuple(values.shape[-2:]) != (side, side):
            raise ModelError(
                f"Frames of {tuple(values.shape[-2:])} pixels do not fit the vision tower, which takes "
                f"{side} x {side}. Set do_resize to true in the checkpoint's preprocessor_config.json."
            )
        cells = side // config.vision_config.patch_size // config.scale_factor
        return VideoInputs(
            inputs={"pixel_values": values[None]},
            pieces=tuple(_pieces(clip, placeholder * cells**2)),
            grid=(cells, cells),
            frame_times=frame_times(clip),
        )


def _pieces(clip: Clip, shown: str) -> Iterator[VideoPiece]:
    seconds = clip.timestamps[-1] if clip.duration is None else clip.duration
    yield VideoPiece(
        f"You are provided the following series of {number_in_words(len(clip))} frames from a "
        f"{timedelta(seconds=int(seconds))} [H:MM:SS] video.\n",
        None,
        words=True,
    )
    for t, second in enumerate(clip.timestamps):
        time = f"{int(second // 60):02d}:{int(second % 60):02d}"
        yield VideoPiece(f"\nFrame from {time}:", t, words=True)
        yield VideoPiece(f"{_MARK}<global-img>", t, separator=True)
        yield VideoPiece(shown, t)
        yield VideoPiece(_MARK, t, separator=True)
    yield VideoPiece("\n\n", None, words=True)


def _scaled(height: int, width: int, longest: int) -> tuple[int, int]:
    """(height, width) with this longest side and an even other one. Follows transformers'
    `get_resize_output_image_size`."""
    ratio = width / height
    if width >= height:
        short = int(longest / ratio)
        return max(short + short % 2, 1), longest
    short = int(longest * ratio)
    return longest, max(short + short % 2, 1)


def number_in_words(number: int) -> str:
    """English, as the package num2words writes it. Raises ModelError from 1000 on: no prompt is so long."""
    if number >= 1000:
        raise ModelError(
            f"A clip of {number:,} frames is more than the model can be told of. Use fewer frames."
        )
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{_ONES[hundreds]} hundred" + (f" and {number_in_words(rest)}" if rest else "")
