"""The LLaVA line: the rows of the prompt are those of the model, whatever the settings."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.models.families.test_base import embeddings
from tests.tiny import tiny_model, tiny_prompt

SEPARATORS = {"grid": 4 * 2, "frame": 4, "one_token": 1, "no_token": 0}


@pytest.mark.parametrize("where", SEPARATORS)
def test_newlines_are_separators_and_hold_the_newline(where: str) -> None:
    tiny = tiny_model("llava_pooled")
    hf: Any = copy.deepcopy(tiny.hf)
    hf.config.newlines = hf.model.config.newlines = where
    model = replace(tiny, hf=hf)
    prompt = tiny_prompt(model)
    rows = prompt.layout["separator"] if "separator" in prompt.layout.spans else torch.tensor([])
    assert len(rows) == SEPARATORS[where]
    assert len(prompt.layout["video"]) == 16 + SEPARATORS[where]
    shown = embeddings(hf, prompt)
    for row in rows:
        assert torch.equal(shown[row], hf.model.image_newline)
    assert [len(prompt.layout[f"frame[{t}]"]) for t in range(4)] == [4, 4, 4, 4]


def test_a_frames_newlines_are_its_own_where_asked() -> None:
    model = tiny_model("llava_pooled")
    prompt = tiny_prompt(model, separators="frame")
    assert [len(prompt.layout[f"frame[{t}]"]) for t in range(4)] == [6, 6, 6, 6]
