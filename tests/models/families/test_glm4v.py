"""GLM-4V, and what every family must hold whose decoder has fewer hook points than others."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from tests.models.families.recorded import check_pixels, noise_clip
from tests.tiny import FEWER_POINTS, FamilyName, tiny_clip, tiny_family, tiny_model, tiny_prompt
from workbench.engine import get_engine
from workbench.engine.reference import logits
from workbench.interventions import Knockout
from workbench.models import FAMILIES

ALL = pytest.mark.parametrize("family", FEWER_POINTS)


def test_patches_are_those_of_the_video_processor() -> None:
    check_pixels("glm4v", 3, (48, 294), [0.236919, 0.572682, -0.653585, -0.376215], 2646.106, 7625.354)
    check_pixels("glm4v", 5, (24, 294), [0.77706, -0.317822, 0.105533, -0.157239], 1336.688, 1528.585)


@pytest.mark.parametrize(("family", "words"), [("glm4v", "01"), ("glm46v", "0.0 seconds1.0 seconds")])
def test_a_unit_stands_before_the_second_at_which_it_begins(family: FamilyName, words: str) -> None:
    model = tiny_model(family)
    prompt = model.encode(noise_clip(3), "Where?")
    assert model.tokenizer.decode(prompt.input_ids[0, prompt.layout["between"]].tolist()) == words
    text = str(model.tokenizer.decode(prompt.input_ids[0].tolist()))
    assert text.endswith(
        "seconds<|end_of_video|>Where?<|assistant|>\n"
        if "sec" in words
        else "1<|end_of_video|>Where?<|assistant|>\n"
    )
    assert model.video_token_id == model.config.image_token_id


@ALL
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_both_engines_agree_and_nothing_passes_a_cut(family: FamilyName, attention: Any) -> None:
    model = tiny_model(family, attention=attention)
    prompt = tiny_prompt(model)
    flows = ("frames -> later frames", "video -> question", "video -> last", "question -> last")
    cuts = [Knockout.of(flow, window) for flow in flows for window in ((1, 2), (2, 4), (1, 4))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = get_engine("incremental").outcomes(model, prompt, cuts)
    expected = get_engine("reference").outcomes(model, prompt, cuts)
    for one, other in zip(found.changed, expected.changed, strict=True):
        assert one.p == pytest.approx(other.p, rel=1e-4)
        assert abs(other.p / expected.baseline.p - 1) > 1e-4
    other = model.encode(prompt.sample or "", clip=tiny_clip(seed=5))
    closed = Knockout.of("video -> text", (1, 4))
    behind = slice(int(prompt.layout["video"][-1]) + 2, None)
    left = logits(model, prompt, closed)[behind] - logits(model, other, closed)[behind]
    assert float(left.abs().max()) == 0


@ALL
def test_points_are_left_out_where_they_are_not_what_they_say(family: FamilyName) -> None:
    model = tiny_model(family)
    names = {name.removeprefix("blocks.1.") for name in model.hook_names() if name.startswith("blocks.1.")}
    assert {"hook_resid_pre", "hook_resid_post", "attn.hook_pattern", "attn.hook_z"} <= names
    assert not {"mlp.hook_pre", "mlp.hook_pre_linear"} & names
    cache = model.run_with_cache(tiny_prompt(model)).cache
    if "hook_attn_out" in names:
        assert torch.equal(cache["resid_pre", 1] + cache["attn_out", 1], cache["resid_mid", 1])
    assert ("hook_attn_out" in names) == (not tiny_family(family).outer_norms)


def test_these_families_are_not_in_the_tests_of_all() -> None:
    assert set(FEWER_POINTS) <= set(FAMILIES)
