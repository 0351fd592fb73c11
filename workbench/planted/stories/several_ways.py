"""Models with several ways to the answer: each suffices, one stands by, they add up, or one objects."""

from __future__ import annotations

from workbench.planted.stories.scenes import ANY, MIXED, OF_MIXED, PURE, TWO, WHICH, clip
from workbench.planted.truth import Edge, Planted, Shown
from workbench.planted.wiring import (
    AFTER,
    ANSWER,
    DONE,
    LAST,
    MARK,
    TAIL,
    WORD,
    Match,
    Move,
    Reader,
    Wiring,
    at_most_one,
    reader,
    times,
)

_IF_NOT_DONE = {LAST: 1.0, DONE: -2.0}
_PARTS = ((1, 0), (3, 1), (5, 2))
_FIRST, _SECOND = AFTER[0], AFTER[1]


def _says_done(layer: int, head: int) -> Reader:
    """The last row reads frame 0, answers, and notes that it has."""
    return Reader(layer, head, (Match({LAST: 1}, ANY),), (Move(WHICH, ANSWER), Move(ANY, DONE)))


SEVERAL_WAYS = (
    Planted(
        name="three parts",
        story="Three heads in three layers read frame 0, and each adds a third of the answer.",
        wiring=Wiring(
            tuple(
                reader(layer, head, LAST, ANY, WHICH, ANSWER, 1 / 3)
                for layer, head in ((1, 0), (3, 1), (5, 2))
            )
        ),
        edges=tuple(Edge("frame[0] -> last", layer, head, 1 / 3) for layer, head in _PARTS),
        shown=TWO,
    ),
    Planted(
        name="either frame",
        story="Frame 0 and frame 1 show the same, and one head reads both: without one of them it reads the "
        "other.",
        wiring=Wiring((reader(3, 2, LAST, ANY, WHICH, ANSWER),)),
        edges=(
            Edge("frame[0] -> last", 3, 2, 0.0, "sufficient", 1),
            Edge("frame[1:7] -> last", 3, 2, 0.0, "sufficient", 2),
        ),
        shown=(Shown("A", clip("r", "b", "rkkkkk")), Shown("B", clip("g", "b", "gkkkkk"))),
    ),
    Planted(
        name="either head",
        story="Two heads in two layers read frame 0, and an MLP takes no more than one vote.",
        wiring=Wiring(
            (reader(2, 0, LAST, ANY, WHICH, _FIRST), reader(4, 2, LAST, ANY, WHICH, _FIRST)),
            at_most_one(5, _FIRST, ANSWER),
        ),
        edges=(
            Edge("frame[0] -> last", 2, 0, 0.0, "sufficient", 1),
            Edge("frame[0] -> last", 4, 2, 0.0, "sufficient", 2),
        ),
        shown=TWO,
    ),
    Planted(
        name="either chain",
        story="The answer comes through a word of the question and through one of the instruction, and an "
        "MLP takes no more than one vote.",
        wiring=Wiring(
            (
                reader(1, 0, WORD, ANY, WHICH, _FIRST),
                reader(3, 1, LAST, WORD, _FIRST, _SECOND),
                reader(2, 3, TAIL, ANY, WHICH, MARK),
                reader(4, 2, LAST, TAIL, MARK, _SECOND),
            ),
            at_most_one(5, _SECOND, ANSWER),
        ),
        edges=(
            Edge("frame[0] -> nonoption", 1, 0, 0.0, "sufficient", 1),
            Edge("nonoption -> last", 3, 1, 0.0, "sufficient", 1),
            Edge("frame[:] -> tail", 2, 3, 0.0, "sufficient", 2),
            Edge("tail -> last", 4, 2, 0.0, "sufficient", 2),
        ),
        shown=TWO,
    ),
    Planted(
        name="backup head",
        story="A head answers by frame 0 and notes it; another, two layers on, answers by frame 0 with 0.6 "
        "of the strength where that note is missing.",
        wiring=Wiring((_says_done(2, 1), reader(4, 3, _IF_NOT_DONE, ANY, WHICH, ANSWER, 0.6))),
        edges=(
            Edge("frame[0] -> last", 2, 1, 0.4, "needed", 1),
            Edge("frame[0] -> last", 4, 3, 0.0, "backup", 2),
        ),
        shown=TWO,
    ),
    Planted(
        name="backup frame",
        story="One head prefers frame 0; without it the head reads the last frame, which shows the same "
        "more faintly.",
        wiring=Wiring(
            (
                Reader(
                    3,
                    0,
                    (Match({LAST: 1}, PURE), Match({LAST: 1}, times(MIXED, 0.75))),
                    (Move(WHICH, ANSWER),),
                ),
            )
        ),
        edges=(
            Edge("frame[0] -> last", 3, 0, 1 - 0.5**0.5, "needed", 1),
            Edge("frame[7] -> last", 3, 0, 0.0, "backup", 2),
        ),
        shown=(Shown("A", clip("r", "m")), Shown("B", clip("g", "c"))),
    ),
    Planted(
        name="backup chain",
        story="A head answers by frame 0 and notes it; where that note is missing, another answers in full "
        "by a word of the question, which always reads frame 0.",
        wiring=Wiring(
            (
                _says_done(1, 2),
                reader(2, 0, WORD, ANY, WHICH, _FIRST),
                reader(4, 1, _IF_NOT_DONE, WORD, _FIRST, ANSWER),
            )
        ),
        edges=(
            Edge("frame[0] -> last", 1, 2, 0.0, "sufficient", 1),
            Edge("frame[0] -> nonoption", 2, 0, 0.0, "backup", 2),
            Edge("nonoption -> last", 4, 1, 0.0, "backup", 2),
        ),
        shown=TWO,
    ),
    Planted(
        name="vote against, same frame",
        story="One head reads frame 0 and votes for the answer, a later one reads it and votes against, a "
        "third as strongly.",
        wiring=Wiring(
            (reader(2, 1, LAST, ANY, WHICH, ANSWER, 1.5), reader(4, 2, LAST, ANY, WHICH, ANSWER, -0.5))
        ),
        edges=(
            Edge("frame[0] -> last", 2, 1, 1.5, "needed"),
            Edge("frame[0] -> last", 4, 2, -0.5, "negative"),
        ),
        shown=TWO,
    ),
    Planted(
        name="vote against, other frame",
        story="Frame 0 shows the answer, and the last frame the other one, which another head reads, a "
        "third as strongly.",
        wiring=Wiring(
            (
                reader(3, 0, LAST, PURE, WHICH, ANSWER, 1.5),
                reader(5, 3, LAST, MIXED, OF_MIXED, ANSWER, 0.5),
            )
        ),
        edges=(
            Edge("frame[0] -> last", 3, 0, 1.5, "needed"),
            Edge("frame[7] -> last", 5, 3, -0.5, "negative"),
        ),
        shown=(Shown("A", clip("r", "c")), Shown("B", clip("g", "m"))),
    ),
    Planted(
        name="vote against, through a word",
        story="The last row reads frame 0, and later a word of the question that has read it too, and votes "
        "against.",
        wiring=Wiring(
            (
                reader(2, 3, LAST, ANY, WHICH, ANSWER, 1.5),
                reader(1, 1, WORD, ANY, WHICH, _FIRST),
                reader(5, 2, LAST, WORD, _FIRST, ANSWER, -0.5),
            )
        ),
        edges=(
            Edge("frame[0] -> last", 2, 3, 1.5, "needed"),
            Edge("frame[0] -> nonoption", 1, 1, -0.5, "negative"),
            Edge("nonoption -> last", 5, 2, -0.5, "negative"),
        ),
        shown=TWO,
    ),
)
