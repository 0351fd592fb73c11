"""Qwen2-VL: as Qwen2.5-VL, with whole attention in the vision tower; temporal positions count units."""

from __future__ import annotations

from workbench.models.families.qwen2_5_vl import Qwen25VL


class Qwen2VL(Qwen25VL):
    """Qwen2VLForConditionalGeneration."""

    model_type = "qwen2_vl"
    model_class = "Qwen2VLForConditionalGeneration"
    models = "Qwen/Qwen2-VL-2B-Instruct, Qwen/Qwen2-VL-7B-Instruct"
