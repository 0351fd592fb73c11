"""Training: the rate's course, which optimizer has which weight, and the forward that it is trained with."""

from __future__ import annotations

import pytest
import torch

from workbench.mini import checkpoint, checkpoints
from workbench.mini.batches import exam
from workbench.mini.train import STAGES, Stage, Trainer, optimizers, rate_at


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_the_rate_warms_up_and_ends_at_a_thirtieth(stage: Stage) -> None:
    rates = [rate_at(step, stage) for step in range(stage.steps)]
    peak = rates.index(max(rates))
    assert 0 < rates[0] < 0.1 * stage.rate
    assert stage.rate * 0.8 < rates[peak] <= stage.rate
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] == pytest.approx(stage.rate / 30, rel=0.01)


def test_stages_end_in_the_checkpoints_that_ship() -> None:
    assert {stage.checkpoint for stage in STAGES} >= set(checkpoints())
    assert len({stage.seed for stage in STAGES}) == len(STAGES), "no stage sees another's clips"


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
