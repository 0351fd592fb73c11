"""The vision tower runs once for the same pixels, and says the same."""

from __future__ import annotations

import pytest
import torch

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_clip, tiny_model, tiny_sample
from workbench.engine import generate
from workbench.models import VideoLLM
from workbench.models.vision import seen_once


class Counted:
    """How often the first block of the vision tower ran."""

    def __init__(self, model: VideoLLM) -> None:
        self.runs = 0
        block = model.family.vision_blocks(model.hf)[0]
        self.handle = block.register_forward_hook(self._count)

    def _count(self, *_: object) -> None:
        self.runs += 1


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_the_same_pixels_are_seen_once(family: FamilyName) -> None:
    model = tiny_model(family)
    one, two = (model.encode(tiny_sample(), clip=tiny_clip(4, seed=seed)) for seed in (1, 2))
    wanted = [model.logits(one), model.logits(two)]
    said = generate(model, one, max_new_tokens=2)
    counted = Counted(model)
    try:
        with seen_once(model):
            assert torch.equal(model.logits(one), wanted[0])
            first = counted.runs
            assert torch.equal(model.logits(one), wanted[0])
            assert counted.runs == first
            assert torch.equal(model.logits(two), wanted[1]), "other pixels are others"
            assert counted.runs == 2 * first
            assert torch.equal(model.logits(one), wanted[0])
            assert generate(model, one, max_new_tokens=2) == said
            before = counted.runs
            assert generate(model, one, max_new_tokens=2) == said
            assert counted.runs == before
        model.logits(one)
        assert counted.runs > before, "and again afterwards"
        assert not {"get_video_features", "get_image_features"} & set(vars(model.hf.model))
    finally:
        counted.handle.remove()


def test_the_model_is_as_before_after_errors_too() -> None:
    model = tiny_model("llava_onevision")
    with pytest.raises(ZeroDivisionError), seen_once(model):
        raise ZeroDivisionError
    assert not {"get_video_features", "get_image_features"} & set(vars(model.hf.model))
