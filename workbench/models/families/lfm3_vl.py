"""LFM3-VL: Qwen3-VL's prompts in front of a decoder of short convolutions, with attention in some layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from workbench.models.families.qwen3_vl import Qwen3VL
from workbench.models.families.vision_rows import frame_rows
from workbench.shapes import Int

_MIDDLE = ("ffn_norm",)


class Lfm3VL(Qwen3VL):
    """Lfm3VlForConditionalGeneration: half of the layers convolve, some of the others have a sliding
    window."""

    model_type = "lfm3_vl"
    model_class = "Lfm3VlForConditionalGeneration"
    models = "LiquidAI/LFM3-VL-2B"
    recurrent = ("conv",)
    casts_pixels = False
    hook_places: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "ln1.hook_scale": ("operator_norm",),
        "ln1.hook_normalized": ("operator_norm",),
        # A gate stands between the heads and the output.
        "attn.hook_result": (),
        # What is added is behind a norm (or nothing, in its place).
        "hook_attn_out": ("post_operator_norm",),
        "hook_resid_mid": _MIDDLE,
        "hook_mlp_in": _MIDDLE,
        "ln2.hook_scale": _MIDDLE,
        "ln2.hook_normalized": _MIDDLE,
        "mlp.hook_pre": ("feed_forward.w1",),
        "mlp.hook_pre_linear": ("feed_forward.w3",),
        "mlp.hook_post": ("feed_forward.w2",),
        "hook_mlp_out": ("post_ffn_norm",),
    }

    def deepstack(self, root: Any) -> Any:
        return ()

    def vision_blocks(self, root: Any) -> Any:
        return root.model.vision_tower.layers

    def projector(self, root: Any) -> Any:
        return root.model.multi_modal_projector

    def vision_rows(self, root: Any, inputs: Mapping[str, Tensor], *, merged: bool) -> Int[Tensor, "t p"]:
        tower = root.model.vision_tower
        return frame_rows(tower, inputs, merge=int(tower.spatial_merge_size), merged=merged)
