"""Decoding under a knockout: each new row is as if the whole sequence were run again under the same cut."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.conftest import Case
from tests.models.broken_folders import change_json
from tests.tiny import FAMILY_NAMES, FamilyName, tiny_folder, tiny_model, tiny_prompt
from workbench.engine import generate
from workbench.engine.reference import logits
from workbench.errors import KnockoutError, PromptError
from workbench.interventions import Knockout
from workbench.models import Prompt, VideoLLM, load
from workbench.planted import N_FRAMES, planted_model, planted_sample, staged
from workbench.prompts.layout import TokenLayout

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


@pytest.fixture(params=FAMILY_NAMES)
def family(request: pytest.FixtureRequest) -> FamilyName:
    """All of them: what each gives a decoder that has a cache differs."""
    return request.param


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


HABITS: dict[str, Any] = {
    "repetition_penalty": 3.0,
    "num_beams": 3,
    "no_repeat_ngram_size": 1,
    "suppress_tokens": list(range(3, 300)),
    "begin_suppress_tokens": list(range(3, 300)),
    "bad_words_ids": [[token] for token in range(3, 300)],
    "forced_bos_token_id": 5,
    "forced_eos_token_id": 5,
    "sequence_bias": [[[7], 1000.0]],
    "do_sample": True,
    "temperature": 100.0,
    "top_k": 1,
    "min_new_tokens": 40,
    "max_length": 3,
    "max_new_tokens": 1,
    "max_time": 1e-9,
    "guidance_scale": 3.0,
    "prompt_lookup_num_tokens": 3,
    "use_cache": False,
    "cache_implementation": "quantized",
    "stop_strings": ["a", "e", "i", "o", "u"],
    "return_dict_in_generate": True,
    "output_attentions": True,
    "output_scores": True,
    "num_return_sequences": 4,
    "prefill_chunk_size": 2,
    "watermarking_config": {"bias": 50.0, "context_width": 1},
    "exponential_decay_length_penalty": [1, 50.0],
}
"""Settings of `generate` that a checkpoint may bring, each of which changes what is written, or raises."""


def with_habits(folder: Path, family: FamilyName, habits: dict[str, Any], file: str) -> VideoLLM:
    copy = Path(shutil.copytree(tiny_folder(family), folder / "model"))
    if file == "text_config":
        text = json.loads((copy / "config.json").read_text("utf-8"))["text_config"]
        change_json(copy / "config.json", text_config={**text, **habits})
    else:
        change_json(copy / file, **habits)
    return load(copy, device="cpu")


@pytest.mark.parametrize("file", ["generation_config.json", "config.json", "text_config"])
@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_checkpoints_habits_of_generation_change_nothing(
    tmp_path: Path, family: FamilyName, file: str
) -> None:
    model = with_habits(tmp_path, family, HABITS, file)
    prompt = tiny_prompt(model)
    for text in (None, KNOCKOUTS[1]):
        knockout = None if text is None else Knockout.parse(text)
        expected = step_by_step(tiny_model(family), prompt, knockout)
        assert list(generate(model, prompt, knockout, max_new_tokens=STEPS).token_ids) == expected


@pytest.mark.parametrize("habit", HABITS)
def test_no_single_habit_changes_what_is_written(tmp_path: Path, habit: str) -> None:
    habits = {habit: HABITS[habit]}
    model = with_habits(tmp_path, "llava_next_video", habits, "generation_config.json")
    prompt = tiny_prompt(model)
    expected = step_by_step(tiny_model(), prompt, None)
    assert list(generate(model, prompt, max_new_tokens=STEPS).token_ids) == expected


@pytest.mark.parametrize("file", ["generation_config.json", "config.json", "text_config"])
def test_every_token_that_ends_an_answer_does(tmp_path: Path, file: str) -> None:
    prompt = tiny_prompt(tiny_model())
    first, second, *_ = generate(tiny_model(), prompt, max_new_tokens=STEPS).token_ids
    assert first != second
    copy = Path(shutil.copytree(tiny_folder(), tmp_path / "ends"))
    if file != "generation_config.json":  # the next place is asked where it says nothing
        (copy / "generation_config.json").unlink()
    ends = {"eos_token_id": [2, second], "pad_token_id": 0}
    config = json.loads((copy / "config.json").read_text("utf-8"))
    if file == "text_config":
        config["text_config"] |= ends
        config.pop("eos_token_id", None)
        (copy / "config.json").write_text(json.dumps(config))
    else:
        change_json(copy / file, **ends)
    assert generate(load(copy, device="cpu"), prompt, max_new_tokens=STEPS).token_ids == (first, second)


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


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_prompt_that_is_padded_itself_is_answered_as_without_padding(family: FamilyName) -> None:
    """Its attention_mask is given to transformers once, and says what is padding."""
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    rows = 3

    def padded(name: str, value: torch.Tensor) -> torch.Tensor:
        of_rows = value.shape == prompt.input_ids.shape
        return torch.nn.functional.pad(value, (rows, 0)) if of_rows else value

    mask = padded("attention_mask", torch.ones_like(prompt.input_ids))
    inputs = {name: padded(name, value) for name, value in prompt.inputs.items()}
    layout = prompt.layout
    later = TokenLayout(
        length=len(prompt) + rows,
        spans={name: found + rows for name, found in layout.spans.items() if name != "system"},
        frames=[frame + rows for frame in layout.frames],
        grid=layout.grid,
    )
    longer = replace(prompt, inputs={**inputs, "attention_mask": mask}, layout=later)
    assert generate(model, longer, max_new_tokens=5) == generate(model, prompt, max_new_tokens=5)
