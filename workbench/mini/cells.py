"""What every cell of every frame of the embedded world shows: the truth that lenses are judged by.

A model cuts each frame into a grid of cells. A cell shows an object where enough of its pixels are the
object's, and the backdrop where none is; one at an object's edge shows neither clearly, and has no truth.

Axes: o object, t time, i row and j column of a grid of cells.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from workbench.mini.footage import FRAMES, RATE, TASKS, scene_and_question
from workbench.mini.world import (
    COLOURS,
    DIRECTIONS,
    OPPOSITE,
    PALINDROMES,
    PLACES,
    SHAPES,
    Scene,
    Thing,
    backdrops,
    states,
)
from workbench.shapes import Float, Int, shaped

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "shape": SHAPES,
    "colour": tuple(COLOURS),
    "motion": (*DIRECTIONS, *(action for action in OPPOSITE if " " not in action), *PALINDROMES),
    "place": PLACES,
}
"""What a cell may show, and the words that say it. Of a move it is the direction."""
LEAST_COVERED = 0.25
"""Share of a cell's pixels that an object must cover for the cell to show it."""
_FINE = 32  # points along each side of a cell at which an object is looked for


def scene_shown(task: str, video: Path, question: str) -> Scene | None:
    """The scene of a clip of the embedded data; None for a clip that is not of it.

    The question is compared too: other data sets may have a task and a file of the same name.
    """
    number = Path(video).stem
    if task not in TASKS or not number.isdecimal() or len(number) > 9:
        return None
    scene, asked = scene_and_question(task, int(number))
    return scene if asked.text == question else None


def moments(seconds: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    """When frames of a written clip were drawn, as shares of the scene, from their times in the file."""
    return (seconds * RATE + 0.5) / FRAMES


@shaped
def cell_truth(
    scene: Scene, times: Float[np.ndarray, " t"], grid: tuple[int, int]
) -> dict[str, Int[np.ndarray, "t i j"]]:
    """By attribute, the place of each cell's word in `ATTRIBUTES`; -1 where the cell shows none.

    Shape and colour are of the object that covers `LEAST_COVERED` of the cell, motion is what it does at that
    moment (none of an object that rests), place is of cells that no object touches. times: in [0, 1]; cells
    cut the whole picture evenly into `grid` (rows, columns).
    """
    import torch

    from workbench.mini.render import covered  # needs torch, which the words of a cell do not

    size = math.lcm(*grid)
    size *= max(1, math.ceil(_FINE * max(grid) / size))
    seen = covered(torch.from_numpy(states(scene, times))[None], size)[0].numpy()
    objects, moments_ = seen.shape[:2]
    cut = seen.reshape(objects, moments_, grid[0], size // grid[0], grid[1], size // grid[1])
    share = cut.mean(axis=(3, 5))  # o t i j
    largest = share.argmax(axis=0)
    shows = share.max(axis=0) >= LEAST_COVERED
    said = np.full((3, objects, moments_), -1)
    for number, thing in enumerate(scene.things):
        said[0, number] = SHAPES.index(thing.shape)
        said[1, number] = list(COLOURS).index(thing.colour)
        said[2, number] = [_motion(thing, float(time), scene.reverse) for time in times]
    at = np.broadcast_to(np.arange(moments_)[:, None, None], largest.shape)
    found = {
        name: np.where(shows, said[row][largest, at], -1)
        for row, name in enumerate(("shape", "colour", "motion"))
    }
    place = np.broadcast_to(backdrops(scene, times)[:, None, None], largest.shape)
    return {**found, "place": np.where(share.sum(axis=0) == 0, place, -1)}


def _motion(thing: Thing, time: float, reverse: bool) -> int:
    """The place of the word for what an object does at a moment; -1 where it rests."""
    if not thing.actions:
        return -1
    forward = 1.0 - time if reverse else time
    part = min(int(forward * len(thing.actions)), len(thing.actions) - 1)
    action = thing.actions[part]
    seen = OPPOSITE.get(action, action) if reverse else action
    return ATTRIBUTES["motion"].index(seen.removeprefix("moves "))
