"""Training: which optimizer has which weight, the forward it is trained with, and a stage of two steps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from workbench.mini import checkpoint
from workbench.mini.batches import exam
from workbench.mini.stages import VARIANTS
from workbench.mini.train import Trainer, optimizers, train


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return Trainer("cpu", checkpoint("video-ft"), compiled=False)


def test_every_weight_has_one_optimizer(trainer: Trainer) -> None:
    held = [
        id(weight)
        for one in optimizers(trainer.model)
        for group in one.param_groups
        for weight in group["params"]
    ]
    assert sorted(held) == sorted(id(weight) for weight in trainer.model.parameters())


def test_the_training_forward_is_the_models_own(trainer: Trainer) -> None:
    """On questions of one round, whose rows see all before them."""
    paper = exam("moving_direction", 2, seed=0)
    batch = paper["batch"]
    with torch.no_grad():
        hidden = trainer.hidden(batch, wear=False)
        pixels = trainer.pixels(batch, wear=False)
        length = int(paper["position"].min()) + 1
        own = trainer.model.model(
            input_ids=batch["ids"][:, :length], pixel_values_videos=pixels, use_cache=False
        ).last_hidden_state
    torch.testing.assert_close(hidden[:, :length], own, rtol=1e-3, atol=1e-3)


def test_a_variant_is_trained_and_judged_in_both_worlds(trainer: Trainer, tmp_path: Path) -> None:
    trainer.model.model.vision_tower.requires_grad_(False)
    stage = replace(VARIANTS[2], steps=2, clips=1)
    train(trainer, stage, tmp_path, workers=0, papers=1, questions=1, within=0)
    trainer.model.model.vision_tower.requires_grad_(True)
    (line,) = (tmp_path / "training.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert row["step"] == 1, "the time was over"
    assert {"moving_direction", "static", "options: moving_direction"} <= set(row["accuracy"])
    assert (tmp_path / stage.checkpoint / "config.json").exists()
