"""How far a decoder reaches, for every kind of scaled rotary positions, as authors write them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import Gemma3TextConfig, LlamaConfig, Phi3Config

from tests.models.broken_folders import change_json
from tests.tiny import tiny_clip, tiny_model, tiny_prompt
from workbench.errors import PromptError
from workbench.models import load
from workbench.models.positions import most_positions

LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0}


@pytest.mark.parametrize(
    ("length", "rope", "reach"),
    [
        (512, {"rope_type": "default"}, 512),
        (4096, {"rope_type": "linear", "factor": 4.0}, 16384),  # vicuna-13b-v1.5-16k
        (4096, {"rope_type": "dynamic", "factor": 2.0}, 8192),
        # Qwen2.5's README: the length before scaling in both places
        (32768, {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}, 131072),
        (128, {"rope_type": "yarn", "factor": 4.0}, 512),
        # DeepSeek-V3: the length that is reached
        (163840, {"rope_type": "yarn", "factor": 40, "original_max_position_embeddings": 4096}, 163840),
        # Llama 3.1: 8 x 8192 = 65536, and it is trained on twice as much
        (
            131072,
            {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192, **LLAMA3},
            131072,
        ),
    ],
)
def test_a_scaled_decoder_reaches_as_far_as_its_authors_say(
    length: int, rope: dict[str, Any], reach: int
) -> None:
    config = LlamaConfig(max_position_embeddings=length, rope_parameters={"rope_theta": 1e4, **rope})
    assert most_positions(config) == reach
    older = LlamaConfig.from_dict(
        {"max_position_embeddings": length, "rope_scaling": {**rope, "type": rope["rope_type"]}}
    )
    assert most_positions(older) == reach


def test_longrope_says_the_length_that_is_reached() -> None:
    """Phi-3-mini-128k: 131072 of 4096, and no factor."""
    scaling = {"type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
    config = Phi3Config.from_dict(
        {
            "max_position_embeddings": 131072,
            "original_max_position_embeddings": 4096,
            "rope_scaling": scaling,
            "pad_token_id": 0,
        }
    )
    assert most_positions(config) == 131072


def test_layers_of_full_attention_say_how_far_a_decoder_reaches() -> None:
    config = Gemma3TextConfig(
        max_position_embeddings=1024,
        rope_parameters={
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        },
    )
    assert most_positions(config) == 8192


@pytest.mark.parametrize("factor", [None, "4", float("inf"), float("nan")])
def test_a_factor_that_is_none_scales_nothing(factor: Any) -> None:
    rope = {"rope_type": "linear", "factor": factor}
    assert most_positions(SimpleNamespace(max_position_embeddings=64, rope_parameters=rope)) == 64
    assert most_positions(SimpleNamespace()) is None


def test_a_prompt_within_the_scaled_length_is_taken(folder: Path) -> None:
    text = json.loads((folder / "config.json").read_text("utf-8"))["text_config"]
    rope = {
        "rope_type": "yarn",
        "factor": 4.0,
        "original_max_position_embeddings": 128,
        "rope_theta": 1e4,
    }
    short = {**text, "max_position_embeddings": 128}
    words = "word " * 60
    change_json(folder / "config.json", text_config=short)
    with pytest.raises(PromptError, match="takes at most 128"):
        load(folder).encode(tiny_clip(), words)
    change_json(folder / "config.json", text_config={**short, "rope_parameters": rope})
    scaled = load(folder)
    prompt = scaled.encode(tiny_clip(), words)
    assert scaled.max_length == 512
    assert 128 < len(prompt) <= 512
    assert torch.isfinite(scaled.logits(prompt)).all()
    with pytest.raises(PromptError, match="takes at most 512"):
        scaled.encode(tiny_clip(), "word " * 400)
    assert not torch.equal(scaled.logits(tiny_prompt(scaled)), tiny_model().logits(tiny_prompt(tiny_model())))
