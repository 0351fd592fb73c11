"""Gemma 4: frames of any size, each behind its minute and second; layers with a sliding window, and last ones
that attend to the keys and values of earlier layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from workbench.errors import ModelError
from workbench.models.families.base import Family, VideoInputs, frame_times
from workbench.prompts.pixels import Backend, PixelSettings, pixels
from workbench.prompts.turn import Turn, VideoPiece
from workbench.shapes import Float, Int, shaped

if TYPE_CHECKING:
    from workbench.video import Clip

_TEXT, _VIDEO = 0, 2  # values of mm_token_type_ids; 1 is an image


class Gemma4(Family):
    """Gemma4ForConditionalGeneration. Where the config says use_bidirectional_attention="vision", rows of one
    frame see one another in layers with a sliding window."""

    model_type = "gemma4"
    model_class = "Gemma4ForConditionalGeneration"
    models = "google/gemma-4-E2B-it, google/gemma-4-E4B-it, google/gemma-4-26B-A4B-it, google/gemma-4-31B-it"
    default_turn = Turn(
        opening="<bos><|turn>user\n", bridge="", closing="<turn|>\n<|turn>model\n", answer_gap=""
    )
    default_pixels = PixelSettings(
        size={},
        image_mean=(0.0, 0.0, 0.0),
        image_std=(1.0, 1.0, 1.0),
        patch_size=16,
        further={"max_soft_tokens": 70, "pooling_kernel_size": 3},
    )
    # Values are normed by head, as queries and keys are.
    hook_places: ClassVar[Mapping[str, tuple[str, ...]]] = {"attn.hook_v": ("self_attn.v_norm",)}

    def vision_blocks(self, root: Any) -> Any:
        return root.model.vision_tower.encoder.layers

    def projector(self, root: Any) -> Any:
        return root.model.embed_vision

    def vision_rows(
        self, root: Any, inputs: Mapping[str, Tensor], *, merged: bool
    ) -> Int[Tensor, "t p"] | None:
        if not merged:
            return None
        frames, patches = inputs["video_position_ids"].shape[:2]
        cells = patches // root.config.vision_config.pooling_kernel_size**2
        return torch.arange(frames * cells, device="cpu").reshape(frames, cells)

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        patch, pool = settings.patch_size, settings.further["pooling_kernel_size"]
        vision = config.vision_config
        if (wanted := (vision.patch_size, vision.pooling_kernel_size)) != (patch, pool):
            raise ModelError(
                "The checkpoint's video processor cuts patches as (patch_size, pooling_kernel_size) = "
                f"{(patch, pool)}, and its vision tower takes {wanted}. Correct processor_config.json."
            )
        size = _size(clip.frames.shape[1], clip.frames.shape[2], settings) if settings.do_resize else None
        values = pixels(clip.frames, settings, size=size, backend=backend)
        rows, columns = (side // patch // pool for side in values.shape[-2:])
        return VideoInputs(
            inputs=_patches(values, patch, pool),
            pieces=tuple(_pieces(clip, placeholder * (rows * columns))),
            grid=(rows, columns),
            frame_times=frame_times(clip),
        )

    def token_inputs(self, config: Any, input_ids: Int[Tensor, "1 s"]) -> dict[str, Tensor]:
        kinds = torch.where(input_ids == self.video_token_id(config), _VIDEO, _TEXT)
        return {"mm_token_type_ids": kinds}


def _pieces(clip: Clip, shown: str) -> Iterator[VideoPiece]:
    for t, second in enumerate(clip.timestamps):
        time = f"{int(second // 60):02d}:{int(second % 60):02d}"
        yield VideoPiece(f"{' ' if t else ''}{time} ", t, words=True)
        yield VideoPiece("<|image>", t, separator=True)
        yield VideoPiece(shown, t)
        yield VideoPiece("<image|>", t, separator=True)


def _size(height: int, width: int, settings: PixelSettings) -> tuple[int, int]:
    """(height, width): whole cells, as many as `max_soft_tokens` allows, nearly the same shape. Follows
    transformers' `get_aspect_ratio_preserving_size`."""
    most, pool = (settings.further[name] for name in ("max_soft_tokens", "pooling_kernel_size"))
    side = settings.patch_size * pool
    scale = math.sqrt(most * side**2 / (height * width))
    rows, columns = (math.floor(scale * length / side) for length in (height, width))
    if not rows and not columns:
        raise ModelError(f"max_soft_tokens={most} leaves no cell of a frame. Correct processor_config.json.")
    if not rows:
        rows, columns = 1, min(width // height, most)
    elif not columns:
        rows, columns = min(height // width, most), 1
    return rows * side, columns * side


@shaped
def _patches(values: Float[Tensor, "t c h w"], patch: int, pool: int) -> dict[str, Tensor]:
    """Patches (t, rows * columns, patch * patch * c) and their places (x, y), without the padding that
    transformers' processor adds and the vision tower strips."""
    frames, channels, height, width = values.shape
    if height % (patch * pool) or width % (patch * pool):
        raise ModelError(
            f"Frames of {height} x {width} pixels do not divide into cells of {patch * pool} pixels. Set "
            "do_resize to true in the checkpoint's processor_config.json."
        )
    rows, columns = height // patch, width // patch
    cut = values.reshape(frames, channels, rows, patch, columns, patch).permute(0, 2, 4, 3, 5, 1)
    y, x = torch.meshgrid(*(torch.arange(n, device="cpu") for n in (rows, columns)), indexing="ij")
    places = torch.stack([x, y], -1).reshape(1, rows * columns, 2)
    return {
        "pixel_values_videos": cut.reshape(frames, rows * columns, -1),
        "video_position_ids": places.repeat(frames, 1, 1),
        "num_frames_per_video": torch.tensor([frames], device="cpu"),
    }
