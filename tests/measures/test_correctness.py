"""Which tokens count as the right answer, and what a token is called."""

from __future__ import annotations

import dataclasses

import pytest

from tests.measures.by_definition import CHOICE, OPEN
from tests.tiny import tiny_model, tiny_prompt, tiny_sample
from workbench.measures.correctness import Judge, first_tokens, judge


def test_a_letter_has_a_name_and_another_token_its_own_text() -> None:
    assert [CHOICE.name(token, " text ") for token in (3, 14, 7)] == ["A", "B", "text"]
    assert [CHOICE.is_right(token) for token in (3, 13, 4)] == [True, True, False]
    assert OPEN.name(3, " left") == "left"
    assert not Judge(answer="", right=frozenset(), letters={}).knows


def test_every_spelling_of_the_true_letter_is_right() -> None:
    model = tiny_model()
    sample, prompt = tiny_sample(), tiny_prompt(model)
    found = judge(model, sample, prompt)
    assert found.answer == sample.true_letter
    assert found.right == set(prompt.answer_ids[sample.true_letter or ""])
    assert set(found.letters.values()) == set(sample.letters)
    unknown = judge(model, dataclasses.replace(sample, answer=None), prompt)
    assert (unknown.answer, unknown.knows) == ("", False)
    assert unknown.letters == found.letters


@pytest.mark.parametrize("words", ["left", "Left", "left of the ball"])
def test_an_open_answer_is_opened_by_its_first_token(words: str) -> None:
    model = tiny_model()
    found = first_tokens(model, words)
    assert found
    for token in found:
        said = model.token_text(token).strip().lower()
        assert said
        assert "left".startswith(said)
    assert first_tokens(model, "") == frozenset()
