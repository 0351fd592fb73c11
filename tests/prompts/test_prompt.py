"""A prompt is as long as its layout, whoever counts, and says which question it is."""

from __future__ import annotations

import dataclasses

import pytest

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_model, tiny_prompt


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_ids_rows_and_tokens_are_of_one_length(family: FamilyName) -> None:
    prompt = tiny_prompt(tiny_model(family))
    assert len(prompt) == prompt.layout.length == len(prompt.layout.tokens)
    assert prompt.input_ids.shape == (1, len(prompt))
    assert prompt.input_ids is prompt.inputs["input_ids"]
    assert "attention_mask" not in prompt.inputs


def test_repr_names_the_sample_or_a_free_question() -> None:
    prompt = tiny_prompt(tiny_model())
    assert prompt.sample is not None
    rows = f"{len(prompt)} rows, {prompt.layout.n_frames} frames"
    assert repr(prompt) == f"Prompt({prompt.sample.id}: {rows})"
    assert repr(dataclasses.replace(prompt, sample=None)) == f"Prompt(free question: {rows})"
