"""Training batches: scenes as numbers (drawn on the GPU) and conversations about them as tokens."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from workbench.mini.leaks import LEAKS, LEAKY_KINDS, Leak, leaky_questions, make_leaky
from workbench.mini.tokenizer import (
    ASSISTANT,
    BOS,
    EOS,
    PAD,
    PREFIX,
    SYSTEM,
    VIDEO,
    build_tokenizer,
    open_text,
)
from workbench.mini.wording import (
    Question,
    caption,
    question_for,
    static,
    still_questions,
    thinned,
    video_questions,
)
from workbench.mini.world import KINDS, Scene, backdrops, make_scene, states, still
from workbench.shapes import Float, Int, shaped

# Axes: b clip, t frame, o object, s position
FRAMES = 8
FRAME_TOKENS = 36
IGNORED = -100
"""Label of positions that are not trained on."""

WEIGHTS = (0.2, 0.17, 0.08, 0.3, 0.25)
"""Share of each task family among the training clips, as in `world.KINDS`: the hard ones more often."""


World = Leak | Literal["clips", "pictures", "bags"]
"""What a stage shows and asks. pictures: one moment, shown as every frame. bags: frames without an order.
clips: all that the world asks. The others are worlds in which the answer leaks."""


class Batch(TypedDict):
    places: Int[Tensor, "b t"]
    objects: Float[Tensor, "b o t 6"]
    ids: Int[Tensor, "b s"]
    labels: Int[Tensor, "b s"]
    rounds: Int[Tensor, "b s"]  # 0 for what all rounds see
    positions: Int[Tensor, "b s"]


class Conversation(NamedTuple):
    ids: list[int]
    labels: list[int]
    rounds: list[int]
    positions: list[int]


@lru_cache(maxsize=65536)
def _tokens(text: str) -> tuple[int, ...]:
    return tuple(build_tokenizer().encode(text, add_special_tokens=False).ids)


def round_text(question: Question, multiple_choice: bool) -> tuple[str, str]:
    """One round of the conversation: what is asked up to where the answer begins, and the answer."""
    if not multiple_choice:
        return f"Question: {question.text} {ASSISTANT}", open_text(question.stem, question.word)
    letters = "ABCD"
    options = "\n".join(
        f"({letter}) {option}" for letter, option in zip(letters, question.options, strict=False)
    )
    asked = f"Question: {question.text}\nOptions:\n{options}\nOnly give the best option. {ASSISTANT} {PREFIX}"
    return asked, f"{letters[question.answer]})"


def conversation(questions: list[tuple[Question, bool]], frames: int, length: int) -> Conversation:
    """As many rounds about one clip as fit into `length` positions; the answers alone are trained on.

    Every round sees the clip and itself, at the positions it would have alone: a clip is read once for many
    questions, and no answer can be copied from an earlier round.
    """
    special = build_tokenizer().token_to_id
    ids = [special(BOS), *_tokens(SYSTEM), *[special(VIDEO)] * (frames * FRAME_TOKENS)]
    opening = len(ids)
    labels, rounds, positions = [IGNORED] * opening, [0] * opening, list(range(opening))
    for number, (question, multiple_choice) in enumerate(questions, start=1):
        asked, answer = round_text(question, multiple_choice)
        before, after = _tokens(asked), [*_tokens(answer), special(EOS)]
        size = len(before) + len(after)
        if len(ids) + size > length:
            continue
        ids += [*before, *after]
        labels += [IGNORED] * len(before) + after
        rounds += [number] * size
        positions += range(opening, opening + size)
    pad = length - len(ids)
    return Conversation(
        ids + [special(PAD)] * pad, labels + [IGNORED] * pad, rounds + [-1] * pad, positions + [0] * pad
    )


class Row(NamedTuple):
    """One clip of a batch."""

    places: Int[np.ndarray, " t"]
    objects: Float[np.ndarray, "o t 6"]
    talk: Conversation


def collate(rows: list[Row]) -> Batch:
    return Batch(
        places=torch.from_numpy(np.stack([row.places for row in rows])),
        objects=torch.from_numpy(np.stack([row.objects for row in rows])),
        ids=torch.tensor([row.talk.ids for row in rows]),
        labels=torch.tensor([row.talk.labels for row in rows]),
        rounds=torch.tensor([row.talk.rounds for row in rows]),
        positions=torch.tensor([row.talk.positions for row in rows]),
    )


@shaped
def frame_times(rng: random.Random, frames: int = FRAMES) -> Float[np.ndarray, " t"]:
    """When the frames of a clip are taken, as shares of it: one in each of `frames` equal segments."""
    shift = rng.uniform(-0.4, 0.4)
    jitter = rng.uniform(0.0, 0.35)
    moments = [
        (i + 0.5 + np.clip(shift + rng.uniform(-jitter, jitter), -0.49, 0.49)) / frames for i in range(frames)
    ]
    return np.array(moments)


@dataclass(frozen=True, kw_only=True)
class Batches(Dataset[Batch]):
    """Batch number i of a stage is the same whenever and wherever it is made."""

    seed: int
    count: int
    clips: int
    frames: int
    length: int
    world: World

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Batch:
        rng = random.Random(self.seed * 1_000_003 + index)
        return collate([self._clip(rng) for _ in range(self.clips)])

    def _clip(self, rng: random.Random) -> Row:
        if self.world in LEAKS:
            return self._leaky(self.world, rng)
        scene = make_scene(rng.choices(KINDS, WEIGHTS)[0], rng)
        if rng.random() < 0.5:
            scene = scene.reversed()
        if self.world == "bags":
            return self._bag(scene, rng)
        if self.world == "pictures":
            scene = still(scene, rng.random())
            times = np.zeros(self.frames)
            shown = states(scene, times)
            asked = still_questions(scene, shown[:, 0], rng)
        else:
            times = frame_times(rng, self.frames)
            shown = states(scene, times)
            asked = video_questions(scene, shown, rng)
        return self._row(backdrops(scene, times), shown, _forms(asked, rng))

    def _row(self, places: np.ndarray, shown: np.ndarray, forms: list[tuple[Question, bool]]) -> Row:
        return Row(places, shown, conversation(forms, self.frames, self.length))

    def _leaky(self, leak: Leak, rng: random.Random) -> Row:
        clip = make_leaky(leak, rng.choice(LEAKY_KINDS), rng)
        times = frame_times(rng, self.frames)
        first, *others = leaky_questions(clip, rng)
        return self._row(
            clip.backdrops(times), states(clip.scene, times), [(first, True), *_forms(others, rng)]
        )

    def _bag(self, scene: Scene, rng: random.Random) -> Row:
        """Frames of a clip in random order, or one frame again and again, and what any frame shows.

        What needs time is asked too, in its form alone: the label is any of the letters on offer. So a model
        learns to name one of them, and nothing about what happens.
        """
        guess = question_for(scene, rng)
        guess = replace(guess, answer=rng.randrange(len(guess.options)))
        times = frame_times(rng, self.frames)
        if rng.random() < 0.5:
            scene, times = still(scene, rng.random()), np.zeros(self.frames)
        times = np.array(rng.sample(times.tolist(), self.frames))
        asked = [*static(scene, rng), *([caption(scene, rng)] if scene.things else [])]
        rng.shuffle(asked)
        asked = [question if rng.random() < 0.5 else thinned(question, rng) for question in asked[:3]]
        forms = [*_forms(asked, rng), (guess, True)]
        rng.shuffle(forms)
        return self._row(backdrops(scene, times), states(scene, times), forms)


def _forms(asked: list[Question], rng: random.Random) -> list[tuple[Question, bool]]:
    """Each question, and whether it is asked as multiple choice."""
    return [(question, bool(question.options) and rng.random() < 0.6) for question in asked]


class Exam(TypedDict):
    batch: Batch
    position: Int[Tensor, " b"]  # where the answer letter is predicted
    letter: Int[Tensor, " b"]  # id of the right letter


def exam(kind: str, clips: int, seed: int, *, reverse: bool = False, leak: Leak | None = None) -> Exam:
    """Held-out multiple-choice questions of one task, one a clip.

    kind: one of `world.KINDS`, or "static"; one of LEAKY_KINDS where an answer leaks.
    """
    rng = random.Random(f"exam {kind} {seed}" if leak is None else f"exam {leak} {kind} {seed}")
    times = (np.arange(FRAMES) + 0.5) / FRAMES
    rows, positions, letters = [], [], []
    for _ in range(clips):
        if leak is not None:
            clip = make_leaky(leak, kind, rng)  # pyright: ignore[reportArgumentType]
            scene, question, places = clip.scene, clip.question, clip.backdrops(times)
        else:
            scene = make_scene(rng.choice(KINDS) if kind == "static" else kind, rng)  # pyright: ignore[reportArgumentType]
            scene = scene.reversed() if reverse else scene
            question = rng.choice(list(static(scene, rng))) if kind == "static" else question_for(scene, rng)
            places = backdrops(scene, times)
        talk = conversation([(question, True)], FRAMES, 512)
        where = next(i for i, label in enumerate(talk.labels) if label != IGNORED)
        rows.append(Row(places, states(scene, times), talk))
        positions.append(where - 1)
        letters.append(talk.ids[where])
    return Exam(batch=collate(rows), position=torch.tensor(positions), letter=torch.tensor(letters))
