"""A prompt is as long as its layout, whoever counts, and says which question it is."""

from __future__ import annotations

import dataclasses

import pytest

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_model, tiny_prompt
from workbench.errors import PromptError


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


def test_a_batch_is_no_prompt() -> None:
    """Engines and caches read one row: others would be left out in silence."""
    prompt = tiny_prompt(tiny_model())
    two = {**prompt.inputs, "input_ids": prompt.input_ids.repeat(2, 1)}
    with pytest.raises(PromptError, match=rf"\(2, {len(prompt)}\), and a prompt is a batch of one"):
        dataclasses.replace(prompt, inputs=two)
    with pytest.raises(PromptError, match="a batch of one"):
        dataclasses.replace(prompt, inputs={"input_ids": prompt.input_ids[0]})
