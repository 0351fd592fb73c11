"""Scenes, their reversal, and what is said of them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from workbench.mini.batches import IGNORED, Batches, Row, collate, conversation, exam
from workbench.mini.questions import question_for, still_questions, video_questions
from workbench.mini.render import backdrops as textures
from workbench.mini.render import render
from workbench.mini.tokenizer import build_tokenizer
from workbench.mini.world import KINDS, backdrops, make_scene, states, still

TIMES = (np.arange(8) + 0.5) / 8


@pytest.mark.parametrize("kind", KINDS)
def test_a_reversed_scene_shows_the_same_frames_backwards(kind):
    for seed in range(20):
        scene = make_scene(kind, random.Random(seed))
        np.testing.assert_allclose(
            states(scene.reversed(), TIMES)[:, ::-1], states(scene, TIMES), rtol=0, atol=1e-6
        )
        assert (backdrops(scene.reversed(), TIMES)[::-1] == backdrops(scene, TIMES)).all()


@pytest.mark.parametrize("kind", KINDS[:4])
def test_reversal_makes_the_opposite_option_right(kind):
    for seed in range(30):
        scene = make_scene(kind, random.Random(seed))
        forward = question_for(scene, random.Random(seed))
        backward = question_for(scene.reversed(), random.Random(seed))
        assert set(forward.options) == set(backward.options) or kind == "moving_direction"
        assert forward.options[forward.answer] != backward.options[backward.answer]
        assert backward.options[backward.answer] in (*forward.options, "left", "right", "up", "down")


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


def test_every_word_of_the_world_is_in_the_vocabulary():
    tokenizer = build_tokenizer()
    unknown = tokenizer.token_to_id("<unk>")
    rng = random.Random(99)
    for number in range(300):
        scene = make_scene(KINDS[number % 5], rng)
        frozen = still(scene, rng.random())
        asked = video_questions(scene, states(scene, TIMES), rng)
        asked += still_questions(frozen, states(frozen, np.zeros(1))[:, 0], rng)
        for question in asked:
            assert question.options == () or len(set(question.options)) == len(question.options)
            for text in (question.text, f"{question.stem} {question.word}.", *question.options):
                assert unknown not in tokenizer.encode(text).ids, text


def test_pictures_are_the_same_at_every_size():
    scene = make_scene("moving_direction", random.Random(3))
    places = torch.from_numpy(backdrops(scene, TIMES))[None]
    shown = torch.from_numpy(states(scene, TIMES))[None]
    small, large = (render(places, shown, textures(size)) for size in (96, 192))
    halved = torch.nn.functional.avg_pool2d(large.flatten(0, 1), 2).view_as(small)
    assert (small - halved).abs().mean() < 0.02


def test_a_batch_depends_on_its_number_alone():
    data = Batches(seed=1, count=4, clips=3, frames=8, length=512, stills=False)
    first, again, other = data[2], data[2], data[3]
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["ids"], other["ids"])


def test_a_round_sees_the_clip_and_itself_only():
    rng = random.Random(5)
    scene = make_scene("moving_direction", rng)
    asked = [
        (question, bool(question.options)) for question in video_questions(scene, states(scene, TIMES), rng)
    ]
    talk = conversation(asked[:3], 8, 512)
    assert max(talk.rounds) >= 2
    assert talk.rounds[0] == 0
    for number in range(1, max(talk.rounds) + 1):
        rows = [row for row, which in enumerate(talk.rounds) if which == number]
        assert [talk.positions[row] for row in rows] == list(
            range(talk.rounds.count(0), talk.rounds.count(0) + len(rows))
        )
    row = Row(backdrops(scene, TIMES), states(scene, TIMES), talk)
    assert collate([row, row])["ids"].shape == (2, 512)


def test_an_exam_asks_for_the_letter():
    paper = exam("object_count", 5, seed=0)
    letters = {build_tokenizer().token_to_id(letter) for letter in "ABCD"}
    at = paper["batch"]["labels"][torch.arange(5), paper["position"] + 1]
    assert (at == paper["letter"]).all()
    assert set(at.tolist()) <= letters
    assert (paper["batch"]["labels"][torch.arange(5), paper["position"]] == IGNORED).all()
