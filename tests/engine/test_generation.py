"""Decoding under a knockout: each new row is as if the whole sequence were run again under the same cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.engine.conftest import Case
from tests.planted import N_FRAMES, planted_model, planted_sample, staged
from workbench.engine import generate
from workbench.engine.reference import logits
from workbench.errors import KnockoutError, PromptError
from workbench.interventions import Knockout
from workbench.models import Prompt, VideoLLM

STEPS = 5
KNOCKOUTS = (
    None,
    "video -> last in layers 1..4",
    "video -> text in layers 2..3",
    "frames -> later frames in layers 1..2",
    "question -> last @ heads 0,2 in layers 1..4",
    "last -> last in layers 1..4; video -> question in layer 2",
    "frame[0] + nonoption -> last in layers 2..4; within frames in layer 3",
)


def longer(model: VideoLLM, prompt: Prompt, new: list[int]) -> Prompt:
    """The prompt with tokens after it, as a prompt of its own."""
    ids = torch.cat([prompt.input_ids, torch.tensor([new], dtype=torch.long)], dim=1)
    inputs = {**prompt.inputs, "input_ids": ids, **model.family.token_inputs(model.config, ids)}
    layout = prompt.layout.with_generated(len(new), tokens=[model.token_text(token) for token in new])
    return replace(prompt, inputs={name: inputs[name] for name in prompt.inputs}, layout=layout)


def step_by_step(model: VideoLLM, prompt: Prompt, knockout: Knockout | None) -> list[int]:
    """The whole sequence run again for every token."""
    new: list[int] = []
    ends = model.hf.generation_config.eos_token_id  # type: ignore[union-attr]
    while len(new) < STEPS:
        new.append(int(logits(model, longer(model, prompt, new), knockout)[-1].argmax()))
        if new[-1] in (ends if isinstance(ends, list) else [ends]):
            break
    return new


@pytest.mark.parametrize("text", KNOCKOUTS, ids=str)
def test_decoding_equals_running_everything_again(tiny: Case, text: str | None) -> None:
    model, prompt = tiny
    knockout = None if text is None else Knockout.parse(text)
    found = generate(model, prompt, knockout, max_new_tokens=STEPS)
    assert list(found.token_ids) == step_by_step(model, prompt, knockout)


def test_cuts_change_what_is_written(tiny: Case) -> None:
    model, prompt = tiny
    cut = Knockout.parse("video -> text in layers 1..4; question -> last in layers 1..4")
    assert generate(model, prompt, cut, max_new_tokens=STEPS) != generate(model, prompt, max_new_tokens=STEPS)
    assert generate(model, prompt, max_new_tokens=STEPS) == generate(model, prompt, max_new_tokens=STEPS)


def test_a_sliding_window_is_kept(sliding: Case) -> None:
    model, prompt = sliding
    knockout = Knockout.parse("video -> last in layers 1..4")
    found = generate(model, prompt, knockout, max_new_tokens=STEPS)
    assert list(found.token_ids) == step_by_step(model, prompt, knockout)


def test_the_planted_path_alone_carries_the_first_word(tmp_path: Path) -> None:
    model = planted_model(staged(2, 4, 5))
    prompts = [model.encode(planted_sample(tmp_path, answer), frames=N_FRAMES) for answer in "AB"]
    assert [model.generate(prompt, 1) for prompt in prompts] == ["A", "B"]
    elsewhere = "video -> last in layers 1..6; VT-K in layers 3..6"
    assert [model.generate(prompt, 1, knockout=elsewhere) for prompt in prompts] == ["A", "B"]


def test_bad_requests_are_refused(tiny: Case) -> None:
    model, prompt = tiny
    with pytest.raises(PromptError, match="max_new_tokens=0"):
        generate(model, prompt, max_new_tokens=0)
    with pytest.raises(KnockoutError, match="99"):
        model.generate(prompt, knockout="video -> last in layer 99")
