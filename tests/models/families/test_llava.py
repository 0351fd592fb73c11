"""What the LLaVA families share: square frames, and a tower that may end before its last block."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from tests.tiny import tiny_model, tiny_prompt
from workbench.errors import ModelError
from workbench.models.families.llava_next_video import LlavaNextVideo
from workbench.models.families.qwen2_5_vl import Qwen25VL


def test_settings_that_do_not_fit_the_vision_tower_are_refused() -> None:
    model = tiny_model()
    small = dataclasses.replace(model.pixels, size={"height": 14, "width": 14}, do_center_crop=False)
    with pytest.raises(ModelError, match=r"14 x 14 pixels, and its vision tower takes 28 x 28"):
        tiny_prompt(model, pixels=small)
    qwen = tiny_model("qwen2_5_vl")
    with pytest.raises(ModelError, match=r"\(14, 2, 2\), and its vision tower takes \(7, 2, 2\)"):
        tiny_prompt(qwen, pixels=dataclasses.replace(qwen.pixels, patch_size=14))


@pytest.mark.parametrize(("chosen", "used"), [(-1, 12), (-2, 11), (0, 0), (7, 7), ([3, -4, 5], 9)])
def test_blocks_behind_the_hidden_state_taken_are_not_used(chosen: int | list[int], used: int) -> None:
    config = SimpleNamespace(vision_feature_layer=chosen)
    assert LlavaNextVideo().vision_blocks_used(config, 12) == used
    assert Qwen25VL().vision_blocks_used(SimpleNamespace(), 12) == 12
