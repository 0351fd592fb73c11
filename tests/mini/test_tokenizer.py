"""The embedded model's words."""

from __future__ import annotations

import json
import random

import numpy as np

from tests.mini.test_world import TIMES
from workbench.mini import checkpoint, checkpoints
from workbench.mini.tokenizer import SPECIAL, build_tokenizer
from workbench.mini.wording import still_questions, video_questions
from workbench.mini.world import KINDS, make_scene, states, still


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


def test_text_and_ids_say_the_same_in_the_shipped_checkpoints() -> None:
    """The tokenizer that is built from the world is the one that the weights were trained with."""
    for name in checkpoints():
        shipped = json.loads((checkpoint(name) / "tokenizer.json").read_text(encoding="utf-8"))
        assert shipped["model"]["vocab"] == build_tokenizer().get_vocab(with_added_tokens=True)


def test_special_tokens_come_first_and_stay_whole() -> None:
    tokenizer = build_tokenizer()
    assert [tokenizer.token_to_id(token) for token in SPECIAL] == list(range(len(SPECIAL)))
    assert tokenizer.encode("a <video> b", add_special_tokens=False).tokens.count("<video>") == 1
