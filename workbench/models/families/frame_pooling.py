"""The model of the LLaVA line: OneVision's, with the line's ways to pool a frame and to set newlines.

Imported when a model of it is built, since it brings transformers.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoConfig, LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration
from transformers.models.llava_onevision.modeling_llava_onevision import LlavaOnevisionModel

from workbench.shapes import Float, shaped

PoolMode = Literal["average", "adaptive", "bilinear", "max"]
Newlines = Literal["grid", "frame", "one_token", "no_token"]


class PooledLlavaConfig(LlavaOnevisionConfig):
    """OneVision's config, and how a video's features become rows of the prompt."""

    model_type = "llava_pooled"

    pool_mode: PoolMode = "bilinear"
    """average, max: over squares of `pool_stride` patches, a rest left out. bilinear: interpolated to
    ceil(side / `pool_stride`) cells. adaptive: averaged to `pool_cells` cells."""
    pool_stride: int = 2
    pool_cells: list[int] | None = None
    """[rows, columns] of a frame, where `pool_mode` is adaptive."""
    pool_before_projector: bool = False
    newlines: Newlines = "one_token"
    """Where the newline stands: behind each row of cells, each frame, the whole video, or nowhere."""
    paper_setting: str | None = None
    """The name of the setting in which a paper ran this checkpoint."""

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.pool_mode not in ("average", "adaptive", "bilinear", "max"):
            raise ValueError(f"pool_mode is {self.pool_mode!r}: average, adaptive, bilinear or max")
        if self.newlines not in ("grid", "frame", "one_token", "no_token"):
            raise ValueError(f"newlines is {self.newlines!r}: grid, frame, one_token or no_token")
        adaptive = self.pool_mode == "adaptive"
        if adaptive != (self.pool_cells is not None) or self.pool_stride < 1:
            raise ValueError("pool_cells belongs to pool_mode adaptive, and pool_stride is at least 1")


def cells(config: Any) -> tuple[int, int]:
    """(rows, columns) of cells of a frame."""
    if config.pool_mode == "adaptive":
        rows, columns = config.pool_cells
        return rows, columns
    side = config.vision_config.image_size // config.vision_config.patch_size
    rest = math.ceil if config.pool_mode == "bilinear" else math.floor
    return (rest(side / config.pool_stride),) * 2


@shaped
def pooled(features: Float[Tensor, "t p d"], config: Any) -> Float[Tensor, "t h w d"]:
    """Features of patches of square frames, pooled to cells."""
    side = math.isqrt(features.shape[1])
    images = features.unflatten(1, (side, side)).permute(0, 3, 1, 2).contiguous()
    if config.pool_mode == "average":
        images = F.avg_pool2d(images, config.pool_stride)
    elif config.pool_mode == "max":
        images = F.max_pool2d(images, config.pool_stride)
    elif config.pool_mode == "adaptive":
        images = F.adaptive_avg_pool2d(images, cells(config))
    else:
        images = F.interpolate(images, size=cells(config), mode="bilinear")
    return images.permute(0, 2, 3, 1)


@shaped
def with_newlines(
    cells: Float[Tensor, "t h w d"], newline: Float[Tensor, " d"], where: Newlines
) -> Float[Tensor, "n d"]:
    """The rows of a video in the order in which the prompt has them."""
    frames, rows, _, width = cells.shape
    if where == "grid":
        cells = torch.cat((cells, newline.expand(frames, rows, 1, width)), dim=2)
    by_frame = cells.flatten(1, 2)
    if where == "frame":
        by_frame = torch.cat((by_frame, newline.expand(frames, 1, width)), dim=1)
    whole = by_frame.flatten(0, 1)
    return torch.cat((whole, newline[None])) if where == "one_token" else whole


class PooledLlavaModel(LlavaOnevisionModel):
    """OneVision's model, whose frames are pooled as its config says."""

    def get_video_features(
        self,
        pixel_values_videos: Float[Tensor, "b t c h w"],
        vision_feature_layer: int | list[int] | None = None,
        vision_feature_select_strategy: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The tower's output; its `pooler_output` are the rows of each video (b n d)."""
        config: Any = self.config
        layer = config.vision_feature_layer if vision_feature_layer is None else vision_feature_layer
        videos, frames = pixel_values_videos.shape[:2]
        kwargs = {**kwargs, "output_hidden_states": True, "return_dict": True}
        outputs = self.vision_tower(pixel_values_videos.flatten(0, 1), **kwargs)
        layers = [layer] if isinstance(layer, int) else layer
        features = torch.cat([outputs.hidden_states[one] for one in layers], dim=-1)
        if (vision_feature_select_strategy or config.vision_feature_select_strategy) == "default":
            features = features[:, 1:]  # without the class token
        if config.pool_before_projector:
            images = self.multi_modal_projector(pooled(features, config))
        else:
            images = pooled(self.multi_modal_projector(features), config)
        newline = self.image_newline.to(images.device)
        outputs.pooler_output = torch.stack(
            [with_newlines(video, newline, config.newlines) for video in images.split([frames] * videos)]
        )
        return outputs


class PooledLlavaForConditionalGeneration(LlavaOnevisionForConditionalGeneration):
    """OneVision's model and its head."""

    config_class = PooledLlavaConfig

    def __init__(self, config: PooledLlavaConfig) -> None:
        super().__init__(config)
        self.model = PooledLlavaModel(config)
        self.post_init()


AutoConfig.register(PooledLlavaConfig.model_type, PooledLlavaConfig, exist_ok=True)
