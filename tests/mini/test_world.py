"""Scenes and their reversal."""

from __future__ import annotations

import random

import numpy as np
import pytest

from workbench.mini.world import KINDS, backdrops, make_scene, states

TIMES = (np.arange(8) + 0.5) / 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_reversed_scene_shows_the_same_frames_backwards(kind):
    for seed in range(20):
        scene = make_scene(kind, random.Random(seed))
        np.testing.assert_allclose(
            states(scene.reversed(), TIMES)[:, ::-1], states(scene, TIMES), rtol=0, atol=1e-6
        )
        assert (backdrops(scene.reversed(), TIMES)[::-1] == backdrops(scene, TIMES)).all()


def test_objects_stay_inside_and_apart():
    for number in range(200):
        scene = make_scene(KINDS[number % 5], random.Random(number))
        shown = states(scene, TIMES)[: len(scene.things)]
        assert shown[:, :, :2].min() > 0
        assert shown[:, :, :2].max() < 1
        for i in range(len(scene.things)):
            for j in range(i):
                gap = np.hypot(*(shown[i, :, :2] - shown[j, :, :2]).T)
                assert (gap > shown[i, :, 2] + shown[j, :, 2]).all()
