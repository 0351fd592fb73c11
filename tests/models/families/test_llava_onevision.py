"""LLaVA-OneVision: the newline behind the frames."""

from __future__ import annotations

from typing import Any

import torch

from tests.models.families.test_base import embeddings
from tests.tiny import tiny_model, tiny_prompt


def test_the_newline_of_llava_onevision_is_its_separator() -> None:
    model = tiny_model("llava_onevision")
    prompt = tiny_prompt(model)
    hf: Any = model.hf
    (row,) = prompt.layout["separator"]
    assert torch.equal(embeddings(hf, prompt)[row], hf.model.image_newline)
