"""Training batches: repeatable, each round by itself, and the letter where the exam asks for it."""

from __future__ import annotations

import random

import torch

from tests.mini.test_world import TIMES
from workbench.mini.batches import IGNORED, Batches, Row, collate, conversation, exam
from workbench.mini.tokenizer import build_tokenizer
from workbench.mini.wording import video_questions
from workbench.mini.world import backdrops, make_scene, states


def test_a_batch_depends_on_its_number_alone():
    data = Batches(seed=1, count=4, clips=3, frames=8, length=512, world="clips")
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


def test_a_bag_has_no_order_and_labels_that_were_offered():
    data = Batches(seed=1, count=1, clips=24, frames=8, length=512, world="bags")
    letters = {build_tokenizer().token_to_id(letter): place for place, letter in enumerate("ABCD")}
    for rounds, ids, labels in zip(
        *(data[0][key].tolist() for key in ("rounds", "ids", "labels")), strict=True
    ):
        for number in range(1, max(rounds) + 1):
            rows = [row for row, which in enumerate(rounds) if which == number]
            said = next(labels[row] for row in rows if labels[row] != IGNORED)
            asked = [ids[row] for row in rows if labels[row] == IGNORED]
            if said in letters:  # once as "(A)"; an option that is not there is not named
                assert asked.count(said) == 1


def test_an_exam_asks_for_the_letter():
    paper = exam("object_count", 5, seed=0)
    letters = {build_tokenizer().token_to_id(letter) for letter in "ABCD"}
    at = paper["batch"]["labels"][torch.arange(5), paper["position"] + 1]
    assert (at == paper["letter"]).all()
    assert set(at.tolist()) <= letters
    assert (paper["batch"]["labels"][torch.arange(5), paper["position"]] == IGNORED).all()
