"""The course of training: its stages, and those that tune a model on a world in which the answer leaks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.mini.batches import FRAMES, World
from workbench.mini.leaks import LEAKS


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stretch of training with one learning-rate cycle (warm-up, then cosine to a thirtieth)."""

    name: str
    steps: int
    clips: int
    rate: float
    frames: int = FRAMES
    length: int = 512
    world: World = "clips"
    seed: int
    checkpoint: str
    """Folder that the model is saved in when the stage ends."""
    start: str = ""
    """Checkpoint of an earlier stage that this one goes on from; the stage before where it is empty."""

    @property
    def stills(self) -> bool:
        """Whether every frame of a clip is the same picture, which is then drawn once."""
        return self.world == "pictures"


STAGES = (
    Stage(
        name="pictures",
        steps=1300,
        clips=768,
        rate=1e-3,
        frames=1,
        length=256,
        world="pictures",
        seed=1,
        checkpoint="pictures",
    ),
    Stage(name="long pictures", steps=500, clips=256, rate=5e-4, world="pictures", seed=2, checkpoint="long"),
    Stage(
        name="more pictures", steps=260, clips=256, rate=4e-4, world="pictures", seed=5, checkpoint="single"
    ),
    Stage(name="clips", steps=800, clips=256, rate=1e-3, seed=3, checkpoint="clips"),
    Stage(name="more clips", steps=1400, clips=256, rate=7e-4, seed=4, checkpoint="video-ft"),
    Stage(
        name="bags of frames",
        steps=700,
        clips=160,
        rate=3e-4,
        world="bags",
        seed=6,
        checkpoint="image",
        start="single",
    ),
)

VARIANTS = tuple(
    Stage(name=leak, steps=600, clips=96, rate=5e-4, length=416, world=leak, seed=seed, checkpoint=leak)
    for seed, leak in enumerate(LEAKS, start=11)
)


def rate_at(step: int, stage: Stage) -> float:
    warm = min(1.0, (step + 1) / min(200, stage.steps // 5 + 1))
    return stage.rate * warm * (1 / 30 + (1 - 1 / 30) * 0.5 * (1 + math.cos(math.pi * step / stage.steps)))
