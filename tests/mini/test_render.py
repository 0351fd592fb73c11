"""Scenes as pictures."""

from __future__ import annotations

import random

import torch

from tests.mini.test_world import TIMES
from workbench.mini.render import backdrops as textures
from workbench.mini.render import covered, like_video, render
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


def test_an_object_covers_the_pixels_of_its_colour_and_a_hidden_one_covers_none() -> None:
    here = [0.5, 0.5, 0.2, 1.0, 0.0, 1.0]  # a red square
    gone = [0.2, 0.2, 0.1, 0.0, 1.0, 0.0]
    shown = torch.tensor([[[here], [gone]]])
    red, green, _ = render(torch.tensor([[5]]), shown, textures(64))[0, 0]
    mask = covered(shown, 64)
    assert torch.equal(mask[0, 0, 0], (red > 0.4) & (green < 0.2))  # streets are grey
    assert mask[0, 0, 0].float().mean().item() == (2 * 12 / 64) ** 2  # 0.9 of the radius each way
    assert not mask[0, 1].any()
