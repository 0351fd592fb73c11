"""Scenes as pictures."""

from __future__ import annotations

import random

import torch

from tests.mini.test_world import TIMES
from workbench.mini.render import backdrops as textures
from workbench.mini.render import like_video, render
from workbench.mini.world import backdrops, make_scene, states


def test_pictures_are_the_same_at_every_size():
    scene = make_scene("moving_direction", random.Random(3))
    places = torch.from_numpy(backdrops(scene, TIMES))[None]
    shown = torch.from_numpy(states(scene, TIMES))[None]
    small, large = (render(places, shown, textures(size)) for size in (96, 192))
    halved = torch.nn.functional.avg_pool2d(large.flatten(0, 1), 2).view_as(small)
    assert (small - halved).abs().mean() < 0.02


def test_a_codecs_wear_leaves_what_it_is_told_to_leave() -> None:
    picture = torch.rand(2, 3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    worn = like_video(picture, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(worn[0], picture[0])
    assert (worn[1] - picture[1]).abs().mean() > 0.01
    assert worn.min() >= 0
    assert worn.max() <= 1
