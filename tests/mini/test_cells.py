"""The truth of cells: against drawn pixels, and what objects do when."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.mini.cells import ATTRIBUTES, LEAST_COVERED, cell_truth, moments, scene_shown
from workbench.mini.footage import FRAMES, RATE, draw, scene_and_question
from workbench.mini.world import COLOURS, KINDS, PLACES, Scene, Thing, make_scene

TIMES = (np.arange(FRAMES) + 0.5) / FRAMES
GRID = (6, 6)


@pytest.mark.parametrize("kind", KINDS)
def test_cells_show_what_the_drawn_pixels_have(kind) -> None:
    """As much of it is drawn in the object's colour as the truth asks for, and none of a cell of backdrop.

    At its edge an object fades into its dark outline: a pixel counts from half of the colour on.
    """
    for seed in range(3):
        scene = make_scene(kind, random.Random(f"{kind} {seed}"))
        scene = scene.reversed() if seed % 2 else scene
        pixels = draw(scene).astype(np.int64)
        truth = cell_truth(scene, TIMES, GRID)
        side = pixels.shape[1] // 6
        cut = pixels.reshape(FRAMES, 6, side, 6, side, 3).transpose(0, 1, 3, 2, 4, 5)
        for thing in scene.things:
            number, colour = list(COLOURS).index(thing.colour), np.array(COLOURS[thing.colour])
            strength = cut @ colour / (colour @ colour)
            alike = abs(cut - strength[..., None] * colour).max(-1) <= 4
            if thing.colour != "white":  # stars, snow and grey streets come near it
                share = (alike & (strength > 0.49)).mean((3, 4))
                assert share[truth["colour"] == number].min(initial=1) > LEAST_COVERED - 0.04
                assert (share[truth["colour"] < 0] < LEAST_COVERED + 0.04).all()
                assert not (alike & (strength > 0.97))[truth["place"] >= 0].any()
        assert ((truth["colour"] >= 0) == (truth["shape"] >= 0)).all()
        assert not ((truth["colour"] >= 0) & (truth["place"] >= 0)).any()


def test_the_place_changes_at_the_cut_and_backwards() -> None:
    scene = Scene(kind="scene_transition", things=(), places=("forest", "city"), cut=0.5)
    times = np.array([0.1, 0.9])
    forward, back = (cell_truth(one, times, GRID)["place"] for one in (scene, scene.reversed()))
    assert [PLACES[place[0, 0]] for place in forward] == ["forest", "city"]
    assert [PLACES[place[0, 0]] for place in back] == ["city", "forest"]


def _thing(*actions: str) -> Thing:
    return Thing(colour="red", shape="square", x=0.5, y=0.5, radius=0.2, actions=actions, size=0.05)


@pytest.mark.parametrize(
    ("actions", "reverse", "words"),
    [
        (("moves left",), False, ("left", "left")),
        (("moves left",), True, ("right", "right")),
        (("grows",), True, ("shrinks", "shrinks")),
        (("pulses", "shakes"), False, ("pulses", "shakes")),
        (("pulses", "shakes"), True, ("shakes", "pulses")),
        ((), False, (None, None)),
    ],
)
def test_motion_is_what_the_object_is_seen_to_do_at_that_moment(actions, reverse, words) -> None:
    scene = Scene(kind="moving_direction", things=(_thing(*actions),), places=("city",), reverse=reverse)
    truth = cell_truth(scene, np.array([0.2, 0.8]), (3, 3))
    assert ATTRIBUTES["shape"][truth["shape"][0, 1, 1]] == "square"
    said = [truth["motion"][t, 1, 1] for t in (0, 1)]
    assert tuple(ATTRIBUTES["motion"][word] if word >= 0 else None for word in said) == words
    assert (truth["motion"][truth["shape"] < 0] == -1).all()


def test_words_are_the_worlds_and_cells_need_not_be_square() -> None:
    assert len(ATTRIBUTES["motion"]) == 12
    assert "moves left" not in ATTRIBUTES["motion"]
    scene = Scene(kind="object_count", things=(_thing(),), places=("night",))
    assert cell_truth(scene, np.array([0.5]), (3, 5))["shape"].shape == (1, 3, 5)


def test_a_clip_of_the_embedded_data_has_its_scene_and_no_other_clip_has_one() -> None:
    sample = wb.samples("mini/moving_direction_reversed")[2]
    known = scene_shown(sample.task, sample.video, sample.question)
    assert known == scene_and_question("moving_direction_reversed", 2)[0]
    assert scene_shown(sample.task, sample.video, "Which way?") is None
    assert scene_shown("action_count", sample.video, sample.question) is None
    assert scene_shown(sample.task, Path("clip.mp4"), sample.question) is None


def test_frames_of_a_written_clip_are_found_by_their_times() -> None:
    clip = wb.read_clip(wb.samples("mini/moving_direction")[0].video, FRAMES)
    assert moments(clip.timestamps) == pytest.approx(TIMES)
    assert clip.timestamps[1] == pytest.approx(1 / RATE)
