"""What a pair is measured with: answers, spans, places, and logits of every spelling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.interventions.layouts import small_layout
from tests.tiny import tiny_clip, tiny_model, tiny_prompt, tiny_sample
from workbench.analyses.patching import ALL_OPTIONS
from workbench.analyses.patching.measurement import (
    answer_logits,
    answers_of,
    default_spans,
    places_of,
)
from workbench.errors import HookError, InterventionError
from workbench.models import VideoLLM
from workbench.runs import Asked, Unusable


def asked(model: VideoLLM, **changed: Any) -> Asked:
    sample = replace(tiny_sample(), **changed)
    return Asked(0, sample, model.encode(sample, clip=tiny_clip()))


def test_letters_are_the_answers_in_every_spelling() -> None:
    model = tiny_model("llava_next_video")
    found = answers_of(model, asked(model), asked(model, answer=2))
    assert found.names == ("A", "B", "C")
    assert found.true == (1, 2)
    assert found.ids == tuple(model.spellings[letter] for letter in "ABC")
    assert answers_of(model, asked(model, answer=None), asked(model)).true == (None, 1)


def test_an_open_answer_is_told_by_its_first_token() -> None:
    model = tiny_model("llava_next_video")
    one, other = (asked(model, options=(), answer=None, open_answer=words) for words in ("left", "right"))
    found = answers_of(model, one, other)
    assert found.true == (0, 1)
    assert not set(found.ids[0]) & set(found.ids[1])
    with pytest.raises(Unusable, match="same token"):
        answers_of(model, one, one)
    with pytest.raises(Unusable, match="not known"):
        answers_of(model, one, asked(model, options=(), answer=None, open_answer=None))


def test_an_answers_logit_is_its_likeliest_spellings() -> None:
    base, changed = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.tensor([[4.0, 1.0, 0.0, 2.0]])
    found = answer_logits(((0, 1), (3,)))(base, changed, 0)
    assert found.tolist() == [[1.0, 3.0, 4.0, 2.0]]
    assert found.dtype == torch.float64


def test_all_that_can_tell_twins_apart_is_patched_by_default() -> None:
    layout = small_layout()
    frames = [f"frame[{t}]" for t in range(layout.n_frames)]
    assert default_spans(layout, "projector") == default_spans(layout, "vision") == frames
    found = default_spans(tiny_prompt(tiny_model("llava_onevision")).layout, "resid_post")
    assert found[:4] == [f"frame[{t}]" for t in range(4)]
    assert found[4:] == ["separator", "gap", "nonoption", ALL_OPTIONS, "tail", "last"]


def test_a_site_is_patched_in_the_layers_that_have_it() -> None:
    model = tiny_model("qwen3_5")
    z = [layer for _, layer in places_of(model, ["z"], None)]
    assert z == [layer + 1 for layer in model.family.attentions(model.hf)]
    assert places_of(model, ["embed", "resid_post"], [2, 1]) == [
        ("embed", 0), ("resid_post", 1), ("resid_post", 2),
    ]  # fmt: skip
    (without, *_) = set(range(1, model.n_layers + 1)) - {*z}
    with pytest.raises(HookError, match=f"blocks.{without - 1}.attn.hook_z"):
        places_of(model, ["z"], [without])
    with pytest.raises(HookError, match=r"blocks\.0 to blocks"):
        places_of(model, ["resid_mid"], [model.n_layers + 1])
    llava = tiny_model("llava_next_video")
    assert places_of(llava, ["vision"], None) == [("vision", 1)], "the projector takes what comes after it"
    with pytest.raises(InterventionError, match="can be changed in layers 1 of"):
        places_of(llava, ["vision"], [2])
    with pytest.raises(HookError, match="hook_attn_out"):
        places_of(tiny_model("glm4v"), ["attn_out"], None)
