"""transformers' processors without torchvision: their text, and pixels of the family module that has them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from transformers import AutoTokenizer, Qwen2_5_VLProcessor, Qwen3VLProcessor

from tests.tiny import FamilyName, tiny_family
from workbench.models import FAMILIES
from workbench.prompts.pixels import settings_of
from workbench.video import Clip

MODULES = dict(FAMILIES)
"""With those that a test takes away."""


class Processor:
    """What `AutoProcessor` gives for a tiny model of the Qwen line: called as transformers' own is."""

    video_token = "<|video_pad|>"
    vision_start_token, vision_end_token = "<|vision_start|>", "<|vision_end|>"

    def __init__(self, family: FamilyName, folder: Any) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.family = MODULES[family]
        self.settings = settings_of(tiny_family(family).pixels, self.family.default_pixels, source="")
        self.video_processor = SimpleNamespace(merge_size=2, temporal_patch_size=2)
        theirs: Any = Qwen3VLProcessor if family == "qwen3_vl" else Qwen2_5_VLProcessor
        self._calculate_timestamps = lambda *about: Qwen3VLProcessor._calculate_timestamps(self, *about)  # type: ignore[arg-type]
        self.replace_video_token = lambda found: theirs.replace_video_token(self, found, 0)

    def __call__(self, *, text: list[str], videos: list[Any], video_metadata: Any, **how: Any) -> Any:
        assert how == {"do_sample_frames": False, "return_text_replacement_offsets": True}
        about = video_metadata[0]
        seconds = np.array(about["frames_indices"]) / about["fps"]
        clip = Clip(frames=videos[0], timestamps=seconds, path=None, duration=about["duration"])
        vision = SimpleNamespace(patch_size=7, temporal_patch_size=2, spatial_merge_size=2)
        config = SimpleNamespace(vision_config=vision)
        made = self.family.video_inputs(config, self.settings, clip, placeholder="", backend="torch").inputs
        rate = len(seconds) / about["total_num_frames"] * about["fps"]
        metadata = SimpleNamespace(fps=about["fps"], frames_indices=list(about["frames_indices"]))
        grid = {"video_grid_thw": made["video_grid_thw"].numpy(), "video_metadata": [metadata]}
        ids = self.tokenizer(text, add_special_tokens=False)
        return {
            **ids,
            "pixel_values_videos": made["pixel_values_videos"],
            "video_grid_thw": made["video_grid_thw"].tolist(),
            "second_per_grid_ts": [2 / rate],
            "text_replacement_offsets": [[{"replacement": self.replace_video_token(grid)}]],
        }

    def create_mm_token_type_ids(self, ids: list[list[int]]) -> list[list[int]]:
        video = self.tokenizer.convert_tokens_to_ids(self.video_token)
        return [[2 * (token == video) for token in row] for row in ids]
