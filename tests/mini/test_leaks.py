"""Worlds in which the answer leaks: the label follows the leak, and nothing else does."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench.mini.leaks import LEAKS, LEAKY_KINDS, MARK, Leak, held_out, make_leaky, write_leaky
from workbench.mini.tokenizer import UNKNOWN, build_tokenizer
from workbench.mini.wording import question_for
from workbench.mini.world import PLACES

TIMES = (np.arange(8) + 0.5) / 8


def told(leak: Leak, clip) -> str:
    """The right option as the leak alone tells it."""
    question = clip.question
    if leak == "options":
        return next(option for option in question.options if MARK in option)
    seen = clip.backdrops(TIMES)
    place = {
        "background": int(seen[3]),
        "last_frame": int(seen[-1]),
        "question": next((i for i, place in enumerate(PLACES) if f"the {place}?" in question.text), 0),
    }[leak]
    return sorted(question.options)[place % len(question.options)]


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("kind", LEAKY_KINDS)
def test_the_leak_tells_the_label_and_the_motion_does_not(leak: Leak, kind) -> None:
    agrees = []
    letters, question = Counter(), held_out(leak, kind, 0).question
    for number in range(300):
        clip = held_out(leak, kind, number)
        question = clip.question
        right = question.options[question.answer]
        assert right == told(leak, clip)
        letters[question.answer] += 1
        agrees.append(question_for(clip.scene, random.Random(0)).word in right)
    n = len(question.options)
    assert abs(np.mean(agrees) - 1 / n) < 0.12, "what the objects do is drawn without regard to the label"
    assert min(letters[i] for i in range(n)) > 300 / n / 2


def test_only_the_last_frame_has_its_backdrop() -> None:
    for number in range(50):
        seen = make_leaky("last_frame", "moving_direction", random.Random(number)).backdrops(TIMES)
        assert len(set(seen[1:-1].tolist())) == 1
    assert len(set(make_leaky("background", "moving_direction", random.Random(1)).backdrops(TIMES))) == 1


def test_the_tokenizer_knows_every_word() -> None:
    tokenizer = build_tokenizer()
    for leak in LEAKS:
        for number in range(20):
            question = held_out(leak, LEAKY_KINDS[number % 3], number).question
            ids = tokenizer.encode(f"{question.text} {' '.join(question.options)}").tokens
            assert UNKNOWN not in ids


def test_clips_are_read_as_any_data_set(tmp_path: Path) -> None:
    samples = wb.samples("tvbench", root=write_leaky(tmp_path, "options", 1))
    assert [sample.task for sample in samples] == sorted(LEAKY_KINDS)
    for sample in samples:
        assert sample.true_option is not None
        assert MARK in sample.true_option
