"""The families of Video-LLMs that can be loaded. A new one is a module and a line here."""

from __future__ import annotations

from workbench.models.families.base import Family, VideoInputs
from workbench.models.families.gemma4 import Gemma4
from workbench.models.families.glm4v import Glm4v, Glm46V
from workbench.models.families.internvl import InternVL
from workbench.models.families.internvl_video import InternVLVideo
from workbench.models.families.lfm3_vl import Lfm3VL
from workbench.models.families.llava_next_video import LlavaNextVideo
from workbench.models.families.llava_onevision import LlavaOnevision
from workbench.models.families.llava_pooled import LlavaPooled
from workbench.models.families.molmo2 import Molmo2
from workbench.models.families.perception_lm import PerceptionLM
from workbench.models.families.qwen2_5_vl import Qwen25VL
from workbench.models.families.qwen2_vl import Qwen2VL
from workbench.models.families.qwen3_5 import Qwen35, Qwen35Moe
from workbench.models.families.qwen3_vl import Qwen3VL, Qwen3VLMoe
from workbench.models.families.smolvlm import SmolVLM
from workbench.models.families.video_llama_3 import VideoLlama3
from workbench.models.families.video_llava import VideoLlava

FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (
        LlavaNextVideo(),
        LlavaOnevision(),
        LlavaPooled(),
        InternVL(),
        InternVLVideo(),
        VideoLlama3(),
        Qwen2VL(),
        Qwen25VL(),
        Qwen3VL(),
        Qwen35(),
        Qwen35Moe(),
        Lfm3VL(),
        Glm4v(),
        Glm46V(),
        Qwen3VLMoe(),
        VideoLlava(),
        SmolVLM(),
        Gemma4(),
        Molmo2(),
        PerceptionLM(),
    )
}
"""Families by the model_type of config.json."""

__all__ = ["FAMILIES", "Family", "VideoInputs"]
