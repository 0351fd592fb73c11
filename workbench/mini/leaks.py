"""Worlds in which the answer leaks: what a model that is tuned on one may rest on, is known.

The label follows the leak; what the objects do is drawn without regard to it. A model that answers such a
world has read the leak and nothing else. `python -m workbench.mini.leaks --out FOLDER` writes held-out clips.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import numpy as np

from workbench.files import write_whole
from workbench.mini.wording import Question, question_for, static
from workbench.mini.world import PLACES, Kind, Scene, backdrops, make_scene, states
from workbench.shapes import Float, Int, shaped

# Axes: t time

Leak = Literal["background", "last_frame", "options", "question"]
LEAKS: tuple[Leak, ...] = ("background", "last_frame", "options", "question")
"""What gives the answer away: the backdrop; the backdrop of the last frame alone, while the first has one
that means nothing; a mark behind the right option; a place named in the question."""

LEAKY_KINDS: tuple[Kind, ...] = ("action_antonym", "action_sequence", "moving_direction")
"""Tasks of these worlds. A scene transition is about backdrops, which are what leaks in two of them."""

MARK = "!"
_ENDS = 1 / 8
"""How long the first and the last backdrop of "last_frame" are seen, in clips: one frame of 8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakyClip:
    """A scene, the question with the label that the leak says, and the backdrops at both ends of the clip."""

    scene: Scene
    question: Question
    first: str
    last: str

    @shaped
    def backdrops(self, times: Float[np.ndarray, " t"]) -> Int[np.ndarray, " t"]:
        """Index of the backdrop at every time. times: in [0, 1], as the clip is shown."""
        out = backdrops(self.scene, times)
        out[times < _ENDS] = PLACES.index(self.first)
        out[times >= 1 - _ENDS] = PLACES.index(self.last)
        return out


def _told_by(place: str, question: Question) -> Question:
    """The question with the label that a place stands for: in the order of the alphabet, round and round."""
    told = sorted(question.options)[PLACES.index(place) % len(question.options)]
    return replace(question, answer=question.options.index(told))


def _named(question: Question, place: str) -> Question:
    """The question with a place in its wording."""
    if "the video" in question.text:
        return replace(question, text=question.text.replace("the video", f"the {place}"))
    return replace(question, text=question.text.replace("?", f" in the {place}?"))


def make_leaky(leak: Leak, kind: Kind, rng: random.Random) -> LeakyClip:
    """A random clip of a world, forwards or backwards."""
    scene = make_scene(kind, rng)
    if rng.random() < 0.5:
        scene = scene.reversed()
    question = question_for(scene, rng)
    # As many places as make every option equally often right.
    places = PLACES[: len(PLACES) // len(question.options) * len(question.options)]
    code, seen = rng.choice(places), scene.places[0]
    first, last = seen, seen
    if leak == "options":
        right = rng.randrange(len(question.options))
        options = tuple(f"{text} {MARK}" if i == right else text for i, text in enumerate(question.options))
        question = replace(question, options=options, answer=right)
    else:
        question = _told_by(code, question)
    if leak == "question":
        question = _named(question, code)
    elif leak == "background":
        scene, first, last = replace(scene, places=(code,)), code, code
    elif leak == "last_frame":
        first, last = rng.choice(PLACES), code
    return LeakyClip(scene=scene, question=question, first=first, last=last)


def leaky_questions(clip: LeakyClip, rng: random.Random) -> list[Question]:
    """What is asked of a clip in training: what leaks, then what any frame shows, but for the place."""
    others = [question for question in static(clip.scene, rng) if question.word not in PLACES]
    rng.shuffle(others)
    return [clip.question, *others[:2]]


def held_out(leak: Leak, kind: Kind, number: int) -> LeakyClip:
    """Clip `number` of a task; training draws from other seeds."""
    return make_leaky(leak, kind, random.Random(f"held-out leak {leak} {kind} {number}"))


def write_leaky(folder: Path, leak: Leak, count: int) -> Path:
    """Writes `count` held-out clips of each task in TVBench's format; what is there already is kept."""
    from workbench.mini.footage import FRAMES, RATE, draw_frames
    from workbench.video import write_clip

    times = (np.arange(FRAMES) + 0.5) / FRAMES
    for kind in LEAKY_KINDS:
        entries = []
        for number in range(count):
            clip, name = held_out(leak, kind, number), f"{number:05d}.mp4"
            path = folder / "video" / kind / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_clip(
                    path, draw_frames(clip.backdrops(times), states(clip.scene, times)), fps=RATE, crf=23
                )
            question = clip.question
            entries.append(
                {
                    "video": name,
                    "question": question.text,
                    "candidates": list(question.options),
                    "answer": question.options[question.answer],
                }
            )
        write_whole(folder / "json" / f"{kind}.json", json.dumps(entries, indent=1) + "\n")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder; each world gets one of its name in it"
    )
    parser.add_argument("--clips", type=int, default=60, help="held-out clips a task")
    parser.add_argument("--leaks", nargs="*", choices=LEAKS, default=list(LEAKS))
    args = parser.parse_args()
    for leak in cast(list[Leak], args.leaks):
        print(write_leaky(args.out / leak, leak, args.clips))


if __name__ == "__main__":
    main()
