"""Qwen3.5: prompts as Qwen3-VL's, and linear attention in most layers of the decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from workbench.models.families.qwen3_vl import Qwen3VL


class Qwen35(Qwen3VL):
    """Qwen3_5ForConditionalGeneration: a Gated DeltaNet in three of four layers, softmax attention in one."""

    model_type = "qwen3_5"
    model_class = "Qwen3_5ForConditionalGeneration"
    models = "Qwen/Qwen3.5-9B, Qwen/Qwen3.5-27B"
    recurrent = ("linear_attn",)
    hook_places: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "hook_attn_out": ("self_attn", "linear_attn"),
        # A gate stands between the heads and the output, and its rows are in the queries' projection.
        "attn.hook_result": (),
    }

    def deepstack(self, root: Any) -> Any:
        return ()


class Qwen35Moe(Qwen35):
    """Qwen3_5MoeForConditionalGeneration: the same with a mixture of experts for an MLP."""

    model_type = "qwen3_5_moe"
    model_class = "Qwen3_5MoeForConditionalGeneration"
    models = "Qwen/Qwen3.5-35B-A3B"
    hook_places: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **Qwen35.hook_places,
        "mlp.hook_pre": (),
        "mlp.hook_pre_linear": (),
        "mlp.hook_post": (),
    }
