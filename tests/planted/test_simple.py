"""The simplest planted models; tests/engine/test_planted.py sweeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.planted import N_FRAMES, direct, planted_model, planted_sample, save_planted, staged


@pytest.mark.parametrize("answer", ["A", "B"])
def test_the_answer_is_that_of_frame_0(answer: str, tmp_path: Path) -> None:
    model = planted_model(staged(1, 2, 4))
    prompt = model.encode(planted_sample(tmp_path, answer), frames=N_FRAMES)
    assert model.token_text(int(model.logits(prompt)[-1].argmax())) == answer


def test_layers_that_do_not_follow_one_another_are_refused() -> None:
    with pytest.raises(AssertionError):
        staged(2, 2, 3)


def test_a_folder_is_a_checkpoint(tmp_path: Path) -> None:
    names = {path.name for path in save_planted(direct(2), tmp_path / "model").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "video_preprocessor_config.json"} <= names
