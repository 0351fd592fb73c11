"""Qwen3.5: Qwen3-VL's prompts, linear layers, and no DeepStack."""

from __future__ import annotations

import pytest

from tests.tiny import HYBRID_NAMES, FamilyName, tiny_family, tiny_model, tiny_prompt


@pytest.mark.parametrize("family", HYBRID_NAMES)
def test_three_of_four_layers_are_linear(family: FamilyName) -> None:
    model = tiny_model(family)
    assert list(model.family.recurrent_layers(model.hf)) == [0, 1, 2]
    assert list(model.family.attentions(model.hf)) == [3]
    assert not model.family.deepstack(model.hf)


@pytest.mark.parametrize("family", HYBRID_NAMES)
def test_prompts_are_those_of_qwen3_vl(family: FamilyName) -> None:
    model, other = tiny_model(family), tiny_model("qwen3_vl")
    prompt, theirs = tiny_prompt(model), tiny_prompt(other)
    assert prompt.text == theirs.text
    assert prompt.input_ids.tolist() == theirs.input_ids.tolist()
    assert repr(prompt.layout) == repr(theirs.layout)
    assert (
        tiny_family(family).expanded(prompt.inputs).count("<|video_pad|>") == prompt.layout["frame[:]"].size
    )


@pytest.mark.parametrize("family", HYBRID_NAMES)
def test_results_behind_the_gate_are_not_offered(family: FamilyName) -> None:
    names = tiny_model(family).hook_names()
    assert "blocks.3.attn.hook_z" in names
    assert "blocks.3.attn.hook_result" not in names
    assert ("blocks.3.mlp.hook_pre" in names) == (not tiny_family(family).experts)
