"""The course of training: the rate, and where each stage ends."""

from __future__ import annotations

import pytest

from workbench.mini import checkpoints
from workbench.mini.leaks import LEAKS
from workbench.mini.stages import STAGES, VARIANTS, Stage, rate_at


@pytest.mark.parametrize("stage", [*STAGES, *VARIANTS], ids=lambda stage: stage.name)
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
    every = (*STAGES, *VARIANTS)
    assert len({stage.seed for stage in every}) == len(every), "no stage sees another's clips"
    assert len({stage.checkpoint for stage in every}) == len(every)


def test_a_stage_goes_on_from_one_before_it() -> None:
    for place, stage in enumerate(STAGES):
        assert not stage.start or stage.start in {before.checkpoint for before in STAGES[:place]}


def test_every_leak_has_a_variant() -> None:
    assert tuple(stage.world for stage in VARIANTS) == LEAKS
