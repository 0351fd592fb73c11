"""A text behind a prompt is a prompt: the model writes the same tokens behind it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.engine.conftest import Case, case
from tests.tiny import FAMILY_NAMES, tiny_model, tiny_prompt
from workbench.engine import AcceleratedEngine, TextRequest, generate, logits, with_text
from workbench.engine.following import check_text, token_probabilities
from workbench.errors import KnockoutError, PromptError, RunError
from workbench.interventions import Knockout

TEXT = (20, 31, 42, 53)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_models_own_answer_is_likeliest_at_every_step(name: str) -> None:
    model = tiny_model(name)
    prompt = tiny_prompt(model)
    written = generate(model, prompt, max_new_tokens=4)
    behind = with_text(model, prompt, written.token_ids)
    assert len(behind) == len(prompt) + len(written.token_ids) - 1
    assert behind.layout["last"].tolist() == prompt.layout["last"].tolist()
    own = model.logits(behind)[len(prompt) - 1 :]
    assert tuple(own.argmax(-1).tolist()) == written.token_ids
    torch.testing.assert_close(own[0].float(), written.logits.float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("text", ["video -> last in layers 1..4", "video -> text in layers 2..3"])
def test_cut_at_all_steps_is_what_is_written_under_the_cut(text: str) -> None:
    """Under the cut, the tokens that are written under it are the likeliest, one after another."""
    model, prompt = case("llava_next_video")
    cut = Knockout.parse(text)
    written = generate(model, prompt, cut, max_new_tokens=4).token_ids
    assert written != generate(model, prompt, max_new_tokens=4).token_ids
    own = logits(model, with_text(model, prompt, written), cut)[len(prompt) - 1 :]
    assert tuple(own.argmax(-1).tolist()) == written


def test_tokens_that_do_not_fit_are_refused() -> None:
    model, prompt = case("llava_next_video")
    for tokens, message in (
        ((), "has no tokens"),
        ((5, model.vocab_size), "outside the vocabulary"),
        ((5, -1), "outside the vocabulary"),
        ((5, model.video_token_id, 6), "stands for the video"),
        ((5,) * 20_000, "takes at most"),
    ):
        with pytest.raises(PromptError, match=message):
            with_text(model, prompt, tokens)
    behind = with_text(model, prompt, TEXT)
    with pytest.raises(PromptError, match="has a text behind it already"):
        with_text(model, behind, TEXT)
    with pytest.raises(PromptError, match="other tokens behind it"):
        check_text(model, TextRequest(prompt=behind, token_ids=(1, *TEXT[1:]), knockouts=[]))


def test_what_cannot_act_is_refused() -> None:
    model, prompt = case("llava_next_video")
    behind = with_text(model, prompt, TEXT)
    late = Knockout.parse("video -> last at step 5 in layers 1..2")
    with pytest.raises(KnockoutError, match=r"steps 1\.\.4"):
        check_text(model, TextRequest(prompt=behind, token_ids=TEXT, knockouts=[late]))
    with pytest.raises(RunError, match="follows no text"):
        AcceleratedEngine().follow(model, TextRequest(prompt=behind, token_ids=TEXT, knockouts=[]))


def test_padding_of_a_prompt_stays_and_the_text_is_none() -> None:
    model, prompt = case("llava_next_video")
    padding = torch.ones_like(prompt.input_ids)
    padding[0, 0] = 0
    padded = replace(prompt, inputs={**prompt.inputs, "attention_mask": padding})
    mask = with_text(model, padded, TEXT).inputs["attention_mask"]
    assert mask.tolist() == [[0, *[1] * (len(prompt) + len(TEXT) - 2)]]


def test_each_row_gives_the_probability_of_its_token(tiny: Case) -> None:
    model, prompt = tiny
    last = model.logits(prompt)[-3:]
    p = last.float().softmax(-1)
    found = token_probabilities(last, (7, 8, 9))
    assert found.tolist() == pytest.approx([float(p[0, 7]), float(p[1, 8]), float(p[2, 9])])
