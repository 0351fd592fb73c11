"""Molmo2: every frame squeezed into a square behind its second; rows of all frames see one another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from workbench.errors import ModelError
from workbench.models.families.base import Family, VideoInputs, frame_times
from workbench.prompts.pixels import Backend, PixelSettings, pixels
from workbench.prompts.turn import Turn, VideoPiece
from workbench.shapes import Int, shaped

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from workbench.video import Clip

_HALF = (0.5, 0.5, 0.5)
_SEEING = ("image_start", "low_res_image_start", "image_end", "frame_start", "frame_end")
"""Marks of images and frames: their rows see one another, and those of the patches."""


class Molmo2(Family):
    """Molmo2ForConditionalGeneration. What the tower gives is added to the placeholders' embeddings."""

    model_type = "molmo2"
    model_class = "Molmo2ForConditionalGeneration"
    models = "allenai/Molmo2-4B, allenai/Molmo2-8B, allenai/Molmo2-O-7B"
    default_turn = Turn(
        opening="",
        bridge="<|im_start|>user\n",
        closing="<|im_end|>\n<|im_start|>assistant\n",
        answer_gap="",
    )
    default_pixels = PixelSettings(
        size={"height": 378, "width": 378},
        resample=2,
        image_mean=_HALF,
        image_std=_HALF,
        further={"pooling_size": (3, 3), "use_frame_special_tokens": True, "video_use_col_tokens": False},
    )

    def template_video(self, placeholder: str) -> str:
        return "<|video|>"

    def turn(self, template: str | None, tokenizer: PreTrainedTokenizerBase, placeholder: str) -> Turn:
        turn = super().turn(template, tokenizer, placeholder)
        # The processor puts it in front of templates that do not.
        first = str(tokenizer.bos_token or tokenizer.eos_token)
        return turn if turn.opening.startswith(first) else turn._replace(opening=first + turn.opening)

    def vision_blocks(self, root: Any) -> Any:
        return root.model.vision_tower.layers

    def vision_blocks_used(self, config: Any, blocks: int) -> int:
        chosen = config.adapter_config.vision_feature_layer
        return max(layer + 1 if layer >= 0 else blocks + 1 + layer for layer in chosen)

    def projector(self, root: Any) -> Any:
        return root.model.multi_modal_projector.image_projector

    def vision_rows(
        self, root: Any, inputs: Mapping[str, Tensor], *, merged: bool
    ) -> Int[Tensor, "t p"] | None:
        frames, rows, columns = inputs["video_grids"][0].tolist()
        cells = torch.arange(frames * rows * columns, device="cpu")
        return cells.reshape(frames, rows * columns) if merged else None

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        values = pixels(clip.frames, settings, backend=backend, antialias=False)
        patch, side = config.vision_config.patch_size, list(config.vision_config.image_size)
        if list(values.shape[-2:]) != side or settings.patch_size != patch:
            raise ModelError(
                f"The checkpoint's video processor makes frames of {tuple(values.shape[-2:])} pixels in "
                f"patches of {settings.patch_size}, and its vision tower takes {tuple(side)} in patches of "
                f"{patch}. Correct video_preprocessor_config.json."
            )
        if settings.further["video_use_col_tokens"]:
            raise ModelError(
                "Rows with marks behind them are not offered: set video_use_col_tokens to false."
            )
        pooling = settings.further["pooling_size"]
        frames, (rows, columns) = len(clip), (length // patch for length in side)
        pooled = _pooled(rows, columns, pooling)
        every = pooled + torch.arange(frames, device="cpu").reshape(-1, 1, 1, 1) * (rows * columns)
        marks = "frame" if settings.further["use_frame_special_tokens"] else "im"
        cut = values.reshape(frames, 3, rows, patch, columns, patch).permute(0, 2, 4, 3, 5, 1)
        return VideoInputs(
            inputs={
                "pixel_values_videos": cut.reshape(frames, rows * columns, -1),
                "video_token_pooling": torch.where(pooled < 0, pooled, every).flatten(0, 2),
                "video_grids": torch.tensor([[frames, *pooled.shape[:2]]], device="cpu"),
            },
            pieces=tuple(_pieces(clip, placeholder * (pooled.shape[0] * pooled.shape[1]), marks)),
            grid=(pooled.shape[0], pooled.shape[1]),
            frame_times=frame_times(clip),
        )

    def behind(
        self, inputs: Mapping[str, Tensor], others: Sequence[Mapping[str, Tensor]]
    ) -> Mapping[str, Tensor]:
        patches = sum(one["pixel_values_videos"].shape[:2].numel() for one in others)
        pooling = inputs["video_token_pooling"]
        return {**inputs, "video_token_pooling": torch.where(pooling < 0, pooling, pooling + patches)}

    def token_inputs(self, config: Any, input_ids: Int[Tensor, "1 s"]) -> dict[str, Tensor]:
        seeing = [getattr(config, f"{name}_token_id") for name in _SEEING]
        wanted = torch.tensor([config.image_patch_id, *seeing], device=input_ids.device)
        return {"mm_token_type_ids": torch.isin(input_ids, wanted).long()}


def _pieces(clip: Clip, shown: str, marks: str) -> Iterator[VideoPiece]:
    for t, second in enumerate(clip.timestamps):
        yield VideoPiece(f"{' ' if t else ''}{float(second):.1f} ", t, words=True)
        yield VideoPiece(f"<{marks}_start>", t, separator=True)
        yield VideoPiece(shown, t)
        yield VideoPiece(f"<{marks}_end>", t, separator=True)


@shaped
def _pooled(rows: int, columns: int, window: tuple[int, ...]) -> Int[Tensor, "r c p"]:
    """The patches of a frame that become each cell; -1 where a window reaches beyond the frame. Follows
    transformers' `arange_for_pooling`."""
    place = torch.arange(rows * columns, device="cpu").reshape(rows, columns)
    height, width = (-length % size for length, size in zip((rows, columns), window, strict=True))
    place = F.pad(place, (width // 2, (width + 1) // 2, height // 2, (height + 1) // 2), value=-1)
    split = place.reshape(place.shape[0] // window[0], window[0], place.shape[1] // window[1], window[1])
    return split.permute(0, 2, 1, 3).flatten(2)
