"""Which tokens end an answer, and that nothing else of a checkpoint's generation settings is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import GenerationConfig

from tests.models.broken_folders import change_json
from workbench.errors import ModelError
from workbench.models.checkpoints import CheckpointFolder
from workbench.models.checkpoints.ends import generation_settings


def settings(folder: Path) -> dict[str, Any]:
    return generation_settings(CheckpointFolder("tiny", folder)).to_dict()


def test_only_the_tokens_that_end_and_pad_are_read(folder: Path) -> None:
    change_json(folder / "generation_config.json", eos_token_id=[2, 7], pad_token_id=3, num_beams=4, top_k=2)
    assert settings(folder) == GenerationConfig(eos_token_id=[2, 7], pad_token_id=3).to_dict()


def test_a_number_below_none_is_none(folder: Path) -> None:
    change_json(folder / "generation_config.json", eos_token_id=None, pad_token_id=-1)
    change_json(folder / "config.json", eos_token_id=9, pad_token_id=8)
    found = settings(folder)
    assert (found["eos_token_id"], found["pad_token_id"]) == (9, 8)


@pytest.mark.parametrize("wrong", ["</s>", 1.5, True, [[2]], {"a": 1}, -7, 10**40])
def test_what_is_no_token_is_refused(folder: Path, wrong: Any) -> None:
    change_json(folder / "generation_config.json", eos_token_id=wrong)
    with pytest.raises(ModelError, match=r"generation_config.json: eos_token_id"):
        settings(folder)
