"""PerceptionLM: square frames one after another, nothing in between; its vision tower is one of timm's."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch

from workbench.errors import ModelError
from workbench.models.families.base import Family, VideoInputs, frame_times
from workbench.prompts.pixels import Backend, PixelSettings, pixels
from workbench.prompts.turn import Turn, VideoPiece

if TYPE_CHECKING:
    from workbench.video import Clip

_HALF = (0.5, 0.5, 0.5)


class PerceptionLM(Family):
    """PerceptionLMForConditionalGeneration."""

    model_type = "perception_lm"
    model_class = "PerceptionLMForConditionalGeneration"
    models = "facebook/Perception-LM-1B, facebook/Perception-LM-3B, facebook/Perception-LM-8B"
    default_turn = Turn(
        opening="<|start_header_id|>system<|end_header_id|>\n\n"
        "You are a helpful language and vision assistant. You are able to understand the visual content that "
        "the user provides, and assist the user with a variety of tasks using natural language.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\n",
        bridge="",
        closing="<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
        answer_gap="",
    )
    default_pixels = PixelSettings(
        size={"height": 448, "width": 448},
        image_mean=_HALF,
        image_std=_HALF,
        further={"patch_size": 14, "pooling_ratio": 2},
    )

    def config_class(self) -> Any:
        try:
            import_module("timm")
        except Exception as error:  # torchvision, which it needs, may be there and not fit torch
            raise ModelError(
                f"The vision tower of {self.model_type} is built by timm, which cannot be imported "
                f"({type(error).__name__}: {error!s:.100}). Install it, and the torchvision that fits torch "
                f"{torch.__version__}: pip install timm torchvision."
            ) from error
        return super().config_class()

    def vision_blocks(self, root: Any) -> Any:
        return root.model.vision_tower.timm_model.blocks

    def projector(self, root: Any) -> Any:
        return root.model.multi_modal_projector

    def video_inputs(
        self, config: Any, settings: PixelSettings, clip: Clip, *, placeholder: str, backend: Backend
    ) -> VideoInputs:
        values = pixels(clip.frames, settings, backend=backend)
        patch, pool = (settings.further[name] for name in ("patch_size", "pooling_ratio"))
        args = config.vision_config.model_args
        wanted, found = list(args.get("img_size", values.shape[-2:])), list(values.shape[-2:])
        if wanted != found or found[0] != found[1] or pool != config.projector_pooling_ratio:
            raise ModelError(
                f"The checkpoint's processor makes frames of {found} pixels for a pooling by {pool}, and the "
                f"model takes {wanted} and pools by {config.projector_pooling_ratio}. Correct "
                "processor_config.json."
            )
        side = found[0] // patch // pool
        return VideoInputs(
            inputs={"pixel_values_videos": values[None]},
            pieces=tuple(VideoPiece(placeholder * side**2, t) for t in range(len(clip))),
            grid=(side, side),
            frame_times=frame_times(clip),
        )
