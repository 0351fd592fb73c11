"""What is asked of a scene, and the true answers."""

from __future__ import annotations

import random

import pytest

from workbench.mini.wording import actions_of, question_for, static, thinned
from workbench.mini.world import KINDS, Kind, Thing, make_scene


@pytest.mark.parametrize("kind", KINDS[:4])
def test_reversal_makes_the_opposite_option_right(kind):
    for seed in range(30):
        scene = make_scene(kind, random.Random(seed))
        forward = question_for(scene, random.Random(seed))
        backward = question_for(scene.reversed(), random.Random(seed))
        assert set(forward.options) == set(backward.options) or kind == "moving_direction"
        assert forward.options[forward.answer] != backward.options[backward.answer]
        assert backward.options[backward.answer] in (*forward.options, "left", "right", "up", "down")


@pytest.mark.parametrize("kind", KINDS)
def test_options_are_told_apart_and_one_of_them_is_right(kind: Kind) -> None:
    for seed in range(30):
        rng = random.Random(seed)
        scene = make_scene(kind, rng)
        for question in (question_for(scene, rng), *static(scene, rng)):
            assert len(set(question.options)) == len(question.options) >= 2
            assert question.word in question.options[question.answer]
            kept = thinned(question, rng)
            assert kept.options[kept.answer] == question.options[question.answer]
            assert set(kept.options) <= set(question.options)


def test_a_reversed_action_is_its_opposite_in_the_opposite_order() -> None:
    thing = Thing(colour="red", shape="circle", x=0.5, y=0.5, radius=0.1, actions=("grows", "jumps"))
    assert actions_of(thing, reverse=False) == ("grows", "jumps")
    assert actions_of(thing, reverse=True) == ("jumps", "shrinks")
