"""Models in which one way leads to the answer, and every edge of it is needed."""

from __future__ import annotations

from workbench.planted.simple import direct, staged
from workbench.planted.stories.scenes import (
    ANY,
    MIXED,
    NOT_SINK,
    OF_MIXED,
    ONLY_BLUE,
    PURE,
    TWO,
    WHICH,
    WHITE,
    clip,
)
from workbench.planted.truth import Edge, Planted, Shown
from workbench.planted.wiring import (
    AFTER,
    ANSWER,
    BLUE,
    LAST,
    MARK,
    OPTION_A,
    OPTION_B,
    SEEN_A,
    SEEN_B,
    TAIL,
    UNREAD,
    WORD,
    Match,
    Move,
    Reader,
    Wiring,
    product,
    reader,
)

_MOTION = tuple(
    Shown(answer, clip(first, last))
    for answer, first, last in (("A", "r", "m"), ("B", "r", "c"), ("A", "g", "c"), ("B", "g", "m"))
)


_MARKED = {MARK: 1.0, OPTION_A: 1.0, OPTION_B: 1.0} | NOT_SINK
"""1 in an option that has the mark, 0 in one that has not."""


def _staged(a: int, b: int, c: int) -> tuple[Edge, ...]:
    return (
        Edge("frames -> later frames", a, 1),
        Edge("frame[7] -> nonoption", b, 2),
        Edge("nonoption -> last", c, 3),
    )


ONE_WAY = (
    Planted(
        name="staged, early",
        story="The last frame reads frame 0, a word of the question reads the last frame, and the last row "
        "that word, in layers 1, 2 and 3.",
        wiring=Wiring(staged(1, 2, 3)),
        edges=_staged(1, 2, 3),
        shown=TWO,
    ),
    Planted(
        name="staged, late",
        story="The same three steps in layers 2, 4 and 6.",
        wiring=Wiring(staged(2, 4, 6)),
        edges=_staged(2, 4, 6),
        shown=TWO,
    ),
    Planted(
        name="direct",
        story="The last row reads frame 0 by itself.",
        wiring=Wiring(direct(3)),
        edges=(Edge("frame[0] -> last", 3, 0),),
        shown=TWO,
    ),
    Planted(
        name="last frame only",
        story="The last row reads the last frame, and no other, although others show the wrong answer.",
        wiring=Wiring((reader(4, 1, LAST, MIXED, OF_MIXED, ANSWER),)),
        edges=(Edge("frame[7] -> last", 4, 1),),
        shown=(Shown("A", clip("g", "m", "gkkkkk")), Shown("B", clip("r", "c", "rkkkkk"))),
    ),
    Planted(
        name="relay of frames",
        story="The answer goes from frame 0 to frame 3, from there to frame 7, and from there to the last "
        "row.",
        wiring=Wiring(
            (
                reader(1, 0, ONLY_BLUE, PURE, WHICH, AFTER[0]),
                reader(3, 2, WHITE, ONLY_BLUE, AFTER[0], AFTER[1]),
                reader(5, 1, LAST, WHITE, AFTER[1], ANSWER),
            )
        ),
        edges=(
            Edge("frames -> later frames", 1, 0),
            Edge("frames -> later frames", 3, 2),
            Edge("frame[7] -> last", 5, 1),
        ),
        shown=(Shown("A", clip("r", "w", "kkbkkk")), Shown("B", clip("g", "w", "kkbkkk"))),
    ),
    Planted(
        name="within a frame",
        story="One cell of frame 0 reads another cell of it, and the last row reads the first.",
        wiring=Wiring((reader(2, 3, BLUE, ANY, WHICH, AFTER[0]), reader(5, 0, LAST, BLUE, AFTER[0], ANSWER))),
        edges=(Edge("within frames", 2, 3), Edge("frame[0] -> last", 5, 0)),
        shown=(Shown("A", clip("rkkb", "k")), Shown("B", clip("gkkb", "k"))),
    ),
    Planted(
        name="pair of frames, in the video",
        story="The last frame reads frame 0, its MLP compares the two, and the last row reads the outcome.",
        wiring=Wiring(
            (reader(1, 3, MIXED, PURE, WHICH, AFTER[0]), reader(4, 1, LAST, MIXED, AFTER[1], ANSWER)),
            product(2, AFTER[0], OF_MIXED, AFTER[1]),
        ),
        edges=(Edge("frames -> later frames", 1, 3), Edge("frame[7] -> last", 4, 1)),
        shown=_MOTION,
    ),
    Planted(
        name="pair of frames, at the last row",
        story="Two heads of the last row read frame 0 and the last frame, and its MLP compares the two: "
        "both are needed.",
        wiring=Wiring(
            (reader(2, 0, LAST, PURE, WHICH, AFTER[0]), reader(2, 2, LAST, MIXED, OF_MIXED, AFTER[1])),
            product(3, AFTER[0], AFTER[1], ANSWER),
        ),
        edges=(Edge("frame[0] -> last", 2, 0), Edge("frame[7] -> last", 2, 2)),
        shown=_MOTION,
    ),
    Planted(
        name="through the tail",
        story="A word of the instruction behind the question reads frame 0, and the last row reads that "
        "word.",
        wiring=Wiring((reader(2, 0, TAIL, ANY, WHICH, AFTER[0]), reader(4, 3, LAST, TAIL, AFTER[0], ANSWER))),
        edges=(Edge("frame[:] -> tail", 2, 0), Edge("tail -> last", 4, 3)),
        shown=TWO,
    ),
    Planted(
        name="through the options",
        story="A word of the question reads frame 0, the true option agrees with that word, and the last "
        "row looks for the option that was agreed with.",
        wiring=Wiring(
            (
                reader(1, 0, WORD, ANY, WHICH, AFTER[0]),
                Reader(
                    3,
                    1,
                    (
                        Match({OPTION_A: 1}, {WORD: 1, AFTER[0]: 1} | NOT_SINK),
                        Match({OPTION_B: 1}, {WORD: 1, AFTER[0]: -1} | NOT_SINK),
                    ),
                    (Move({WORD: 1}, MARK),),
                ),
                reader(5, 2, LAST, _MARKED, {OPTION_A: 1, OPTION_B: -1}, ANSWER),
            )
        ),
        edges=(
            Edge("frame[0] -> nonoption", 1, 0),
            Edge("nonoption -> true_option", 3, 1),
            Edge("true_option -> last", 5, 2),
        ),
        shown=TWO,
    ),
    Planted(
        name="options that look",
        story="Each option looks for its own colour in the video, and the last row reads the one that found "
        "it.",
        wiring=Wiring(
            (
                Reader(
                    2,
                    1,
                    (Match({OPTION_A: 1}, {SEEN_A: 1}), Match({OPTION_B: 1}, {SEEN_B: 1})),
                    (Move(ANY, MARK),),
                ),
                reader(4, 0, LAST, _MARKED, {OPTION_A: 1, OPTION_B: -1}, ANSWER),
            )
        ),
        edges=(Edge("frame[:] -> true_option", 2, 1), Edge("true_option -> last", 4, 0)),
        shown=TWO,
    ),
    Planted(
        name="one head of many",
        story="All eight heads of layer 3 read frame 0 alike, and what one of them writes is used.",
        wiring=Wiring(
            tuple(reader(3, head, LAST, ANY, WHICH, ANSWER if head == 5 else UNREAD) for head in range(8)),
            heads=8,
        ),
        edges=(Edge("frame[0] -> last", 3, 5),),
        shown=TWO,
    ),
    Planted(
        name="loud heads that nobody hears",
        story="The last row reads frame 0 in one head, faintly; five others read it and the question, write "
        "three times as much, and nothing reads what they write.",
        wiring=Wiring(
            (
                reader(4, 1, LAST, ANY, WHICH, ANSWER, 0.5),
                *(
                    reader(layer, head, LAST, key, {source: 1}, UNREAD, 1.5)
                    for layer, head, key, source in (
                        (1, 0, ANY, SEEN_A),
                        (2, 3, WORD, WORD),
                        (3, 2, ANY, SEEN_B),
                        (5, 0, ANY, SEEN_A),
                        (6, 1, WORD, WORD),
                    )
                ),
            )
        ),
        edges=(Edge("frame[0] -> last", 4, 1),),
        shown=TWO,
    ),
)
