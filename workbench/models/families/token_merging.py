"""The model of InternVL's authors for video: transformers' InternVL, whose frames may be merged in groups.

InternVideo2.5 (HiCo) merges the tokens of four frames that are alike before they are projected. Imported when
a model of it is built, since it brings transformers.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from transformers import AutoConfig, InternVLConfig, InternVLForConditionalGeneration
from transformers.models.internvl.modeling_internvl import InternVLModel

from workbench.shapes import Float, shaped

Marks = Literal["video", "frame"]


class InternVLVideoConfig(InternVLConfig):
    """InternVL's config, and how frames become rows of the prompt."""

    model_type = "internvl_video"

    merge_frames: int = 1
    """Frames of a group, whose tokens are merged."""
    merge_tokens: int | None = None
    """Rows of the prompt that a group is merged to; None where nothing is merged."""
    image_marks: Marks = "video"
    """Whether <img> and </img> stand around the whole video, or around each frame, behind its number."""
    paper_setting: str | None = None
    """The name of the setting in which a paper ran this checkpoint."""

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if self.image_marks not in ("video", "frame"):
            raise ValueError(f"image_marks is {self.image_marks!r}: video or frame")
        whole = self.merge_tokens is None or self.merge_tokens % max(self.merge_frames, 1) == 0
        if self.merge_frames < 1 or not whole:
            raise ValueError("merge_tokens must be a multiple of merge_frames, which is at least 1")


@shaped
def merged(rows: Float[Tensor, "g n d"], to: int, heads: int) -> Float[Tensor, "g m d"]:
    """The rows of each group merged to `to` rows, as `merge_tokens` of InternVideo2.5 does it (ToMe).

    Every other row is merged into the one of the others that it is most alike, those that are most alike
    first, at most half of the rows at a time. Rows are compared by the mean of their `heads` parts; a merged
    row is the mean of all rows in it.
    """
    size = torch.ones_like(rows[..., :1])
    while (spare := rows.shape[1] - to) > 0:
        spare = min(spare, rows.shape[1] // 2)
        kind = rows.unflatten(-1, (heads, -1)).mean(2)
        kind = kind / kind.norm(dim=-1, keepdim=True)
        best, partner = (kind[:, ::2] @ kind[:, 1::2].mT).max(dim=-1)
        order = best.argsort(dim=-1, descending=True)[..., None]
        target = partner[..., None].gather(1, order[:, :spare])
        parts = torch.cat((rows * size, size), dim=-1)
        even, odd = parts[:, ::2], parts[:, 1::2]
        width = parts.shape[-1]
        kept = even.gather(1, order[:, spare:].expand(-1, -1, width))
        moved = even.gather(1, order[:, :spare].expand(-1, -1, width))
        parts = torch.cat((kept, odd.scatter_add(1, target.expand(-1, -1, width), moved)), dim=1)
        rows, size = parts[..., :-1] / parts[..., -1:], parts[..., -1:]
    return rows


class InternVLVideoModel(InternVLModel):
    """InternVL's model, whose frames are merged as its config says."""

    def get_image_features(
        self,
        pixel_values: Float[Tensor, "t c h w"],
        vision_feature_layer: int | list[int] | None = None,
        vision_feature_select_strategy: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The tower's output; its `pooler_output` are the rows of each group (g n d)."""
        config: Any = self.config
        layer = config.vision_feature_layer if vision_feature_layer is None else vision_feature_layer
        kwargs = {**kwargs, "output_hidden_states": True, "return_dict": True}
        outputs = self.vision_tower(pixel_values=pixel_values.to(self.dtype), **kwargs)
        features = outputs.last_hidden_state if layer == -1 else outputs.hidden_states[layer]
        features = features[:, 1:]  # without the class token
        side = int(features.shape[1] ** 0.5)
        squares = self.pixel_shuffle(
            features.unflatten(1, (side, side)), scale_factor=config.downsample_ratio
        )
        rows = squares.flatten(1, 2)
        if config.merge_tokens is not None:
            groups = rows.unflatten(0, (-1, config.merge_frames)).flatten(1, 2)
            rows = merged(groups, config.merge_tokens, config.text_config.num_attention_heads)
        outputs.pooler_output = self.multi_modal_projector(rows)
        return outputs


class InternVLVideoForConditionalGeneration(InternVLForConditionalGeneration):
    """InternVL's model and its head."""

    config_class = InternVLVideoConfig

    def __init__(self, config: InternVLVideoConfig) -> None:
        super().__init__(config)
        self.model = InternVLVideoModel(config)
        self.post_init()


AutoConfig.register(InternVLVideoConfig.model_type, InternVLVideoConfig, exist_ok=True)
