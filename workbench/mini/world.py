"""The embedded world: coloured shapes that act before a backdrop, as functions of time.

A scene is a description, not pixels: `states(scene, times)` gives where every object is at any moment, so
that the same scene can be drawn at any size and frame rate, forwards or backwards.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from workbench.shapes import Float, Int, shaped

# Axes: o object, t time, c channel of an object's state (x, y, radius, opacity, colour, shape)

PLACES = ("forest", "desert", "ocean", "night", "snow", "city")
COLOURS = {
    "red": (220, 30, 40),
    "blue": (40, 60, 230),
    "yellow": (245, 220, 40),
    "purple": (150, 40, 190),
    "orange": (250, 140, 20),
    "white": (250, 250, 250),
}
SHAPES = ("circle", "square", "triangle", "diamond", "cross")
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
MOST_OBJECTS = 3

OPPOSITE = {
    "moves left": "moves right",
    "moves up": "moves down",
    "grows": "shrinks",
    "appears": "disappears",
}
OPPOSITE |= {there: back for back, there in OPPOSITE.items()}
"""Actions whose time reversal is another action."""

PALINDROMES = ("jumps", "blinks", "pulses", "shakes")
"""Actions that look the same backwards: a reversed clip keeps them and swaps their order."""

Kind = Literal["action_antonym", "action_sequence", "scene_transition", "moving_direction", "object_count"]
KINDS: tuple[Kind, ...] = (
    "action_antonym",
    "action_sequence",
    "scene_transition",
    "moving_direction",
    "object_count",
)

_LOW, _HIGH = 0.12, 0.88  # objects' centres stay inside this part of the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object and what it does. `actions` follow each other in equal shares of the clip."""

    colour: str
    shape: str
    x: float
    y: float
    radius: float
    actions: tuple[str, ...] = ()
    size: float = 0.3
    """How far a move goes, in widths of the picture."""
    switch: float = 0.5
    """When an object appears or disappears, as a share of the action's time."""

    @property
    def name(self) -> str:
        return f"{self.colour} {self.shape}"

    @property
    def moving(self) -> bool:
        return any(action.startswith("moves") for action in self.actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A clip as a description. `places` is one backdrop, or two with a cut at `cut` (share of the clip)."""

    kind: Kind
    things: tuple[Thing, ...]
    places: tuple[str, ...]
    cut: float = 0.5
    reverse: bool = False

    def reversed(self) -> Scene:
        """The same frames backwards."""
        return replace(self, reverse=not self.reverse)


def _state(thing: Thing, times: np.ndarray) -> np.ndarray:
    """x, y, radius, opacity of one object. times: (t,) in [0, 1]. Returns (t, 4)."""
    x, y = np.full_like(times, thing.x), np.full_like(times, thing.y)
    radius, opacity = np.full_like(times, thing.radius), np.ones_like(times)
    for part, action in enumerate(thing.actions):
        share = np.clip(times * len(thing.actions) - part, 0.0, 1.0)
        bump = np.sin(math.pi * share)
        if action.startswith("moves"):
            dx, dy = DIRECTIONS[action.split()[1]]
            x, y = x + dx * thing.size * share, y + dy * thing.size * share
        elif action == "grows":
            radius = radius * (0.6 + 0.9 * share)
        elif action == "shrinks":
            radius = radius * (1.5 - 0.9 * share)
        elif action == "appears":
            opacity = opacity * (share >= thing.switch)
        elif action == "disappears":
            opacity = opacity * (share < thing.switch)
        elif action == "jumps":
            y = y - 0.22 * bump
        elif action == "pulses":
            radius = radius * (1 + 0.9 * bump)
        elif action == "blinks":
            opacity = opacity * ((share <= 0.25) | (share >= 0.75))
        elif action == "shakes":
            x = x + 0.13 * np.sin(2 * math.pi * share)
        else:
            raise AssertionError(f"no such action: {action}")
    return np.stack([x, y, radius, opacity], axis=1)


@shaped
def states(scene: Scene, times: Float[np.ndarray, " t"]) -> Float[np.ndarray, "o t 6"]:
    """Every object at every time, absent ones 0. times: in [0, 1]."""
    if scene.reverse:
        times = 1.0 - times
    out = np.zeros((MOST_OBJECTS, len(times), 6), np.float32)
    for row, thing in enumerate(scene.things):
        out[row, :, :4] = _state(thing, times)
        out[row, :, 4] = list(COLOURS).index(thing.colour)
        out[row, :, 5] = SHAPES.index(thing.shape)
    return out


@shaped
def backdrops(scene: Scene, times: Float[np.ndarray, " t"]) -> Int[np.ndarray, " t"]:
    """Index of the backdrop at every time. times: in [0, 1]."""
    if scene.reverse:
        times = 1.0 - times
    numbers = [PLACES.index(place) for place in scene.places]
    return np.where(times < scene.cut, numbers[0], numbers[-1]).astype(np.int64)


def still(scene: Scene, time: float) -> Scene:
    """The scene frozen at one moment: nothing acts, hidden objects are gone."""
    shown = states(scene, np.array([time]))[:, 0]
    things = tuple(
        replace(thing, x=float(x), y=float(y), radius=float(radius), actions=())
        for thing, (x, y, radius, opacity) in zip(scene.things, shown[:, :4], strict=False)
        if opacity > 0
    )
    place = PLACES[int(backdrops(scene, np.array([time]))[0])]
    return Scene(kind=scene.kind, things=things, places=(place,))


def _start(rng: random.Random, step: float) -> float:
    """A start from which a move by `step` (signed) stays inside the picture."""
    low, high = (_LOW, _HIGH - step) if step > 0 else (_LOW - step, _HIGH)
    return rng.uniform(low, high)


def _placed(rng: random.Random, colour: str, shape: str, actions: tuple[str, ...]) -> Thing:
    size = rng.uniform(0.22, 0.36)
    steps = {"x": 0.0, "y": 0.0}
    for action in actions:
        if action.startswith("moves"):
            dx, dy = DIRECTIONS[action.split()[1]]
            steps["x"] += dx * size
            steps["y"] += dy * size
    x, y = _start(rng, steps["x"]), _start(rng, steps["y"])
    if "jumps" in actions:
        y = rng.uniform(0.36, _HIGH)
    if "shakes" in actions:
        x = rng.uniform(0.25, 0.75)
    return Thing(
        colour=colour,
        shape=shape,
        x=x,
        y=y,
        radius=rng.uniform(0.09, 0.125),
        actions=actions,
        size=size,
        switch=rng.uniform(0.35, 0.65),
    )


_PROBES = np.linspace(0.0, 1.0, 9)


def _apart(things: list[Thing]) -> bool:
    """Whether no two objects ever touch, so that none hides another."""
    tracks = [_state(thing, _PROBES) for thing in things]
    for i, first in enumerate(tracks):
        for second in tracks[i + 1 :]:
            gap = np.hypot(first[:, 0] - second[:, 0], first[:, 1] - second[:, 1])
            if (gap < 1.25 * (first[:, 2] + second[:, 2])).any():
                return False
    return True


def _actions(kind: Kind, rng: random.Random) -> Sequence[tuple[str, ...]]:
    """What each object of a scene does; the first one is what the clip is about."""

    def move() -> str:
        return "moves " + rng.choice(list(DIRECTIONS))

    if kind == "action_antonym":
        return [(rng.choice(list(OPPOSITE)),)] + [()] * rng.randint(0, 1)
    if kind == "action_sequence":
        return [tuple(rng.sample(PALINDROMES, 2))] + [()] * rng.randint(0, 1)
    if kind == "moving_direction":
        others = [(move(),) if rng.random() < 0.5 else () for _ in range(rng.randint(0, 2))]
        return [(move(),), *others]
    if kind == "object_count":
        count = rng.randint(2, 3)
        moving = rng.randint(0, count)
        return [(move(),) if number < moving else () for number in range(count)]
    return [(move(),) if rng.random() < 0.2 else () for _ in range(rng.randint(1, 2))]


def make_scene(kind: Kind, rng: random.Random) -> Scene:
    """A random scene of one task family; objects differ in both colour and shape and never overlap."""
    actions = _actions(kind, rng)
    colours, shapes = rng.sample(list(COLOURS), len(actions)), rng.sample(SHAPES, len(actions))
    things: list[Thing] = []
    for _ in range(100):
        things = [_placed(rng, *what) for what in zip(colours, shapes, actions, strict=True)]
        if _apart(things):
            break
    else:  # hardly ever: three long paths that keep crossing; the first object alone is a fine scene
        return make_scene(kind, rng)
    if kind == "scene_transition":
        return Scene(
            kind=kind, things=tuple(things), places=tuple(rng.sample(PLACES, 2)), cut=rng.uniform(0.35, 0.65)
        )
    return Scene(kind=kind, things=tuple(things), places=(rng.choice(PLACES),))
