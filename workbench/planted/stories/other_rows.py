"""Models that answer by rows other than the frames: question, system prompt, sinks, separators, memory."""

from __future__ import annotations

from workbench.planted.stories.scenes import ANY, MIXED, PURE, TWO, WHICH, clip
from workbench.planted.truth import Edge, Planted, Shown
from workbench.planted.wiring import (
    AFTER,
    ANSWER,
    ASKS_FIRST,
    ASKS_LAST,
    BLUE,
    LAST,
    LOOK_FIRST,
    LOOK_LAST,
    MARK,
    N_HEADS,
    N_LAYERS,
    NEWLINE,
    ONE,
    RISE,
    SET,
    TOLD,
    UNREAD,
    Match,
    Move,
    Neuron,
    Reader,
    Wiring,
    reader,
    times,
)

_SUN = {
    answer: Shown(answer, clip(colour), f"Where does the sun {word}", ("east", "west"))
    for answer, colour, word in (("A", "r", "rise?"), ("B", "r", "set?"))
}


def _asked(answer: str, word: str, first: str, last: str) -> Shown:
    return Shown(answer, clip(first, last), f"Which colour comes {word}", ("red", "green"))


_USED = {(2, 0), (5, 3)}

OTHER_ROWS = (
    Planted(
        name="question first",
        story="The last row reads in the question which frame is asked for, and then reads frame 0 or the "
        "last.",
        wiring=Wiring(
            (
                Reader(
                    1,
                    1,
                    (Match({LAST: 1}, {ASKS_FIRST: 1, ASKS_LAST: 1}),),
                    (Move({ASKS_FIRST: 1}, LOOK_FIRST), Move({ASKS_LAST: 1}, LOOK_LAST)),
                ),
                Reader(
                    4,
                    2,
                    (Match({LOOK_FIRST: 1}, PURE), Match({LOOK_LAST: 1}, MIXED)),
                    (Move(WHICH, ANSWER),),
                ),
            )
        ),
        edges=(
            Edge("nonoption -> last", 1, 1),
            Edge("frame[0] -> last", 4, 2, 0.5),
            Edge("frame[7] -> last", 4, 2, 0.5),
        ),
        shown=(
            _asked("A", "first?", "r", "c"),
            _asked("B", "last?", "r", "c"),
            _asked("B", "first?", "g", "m"),
            _asked("A", "last?", "g", "m"),
        ),
    ),
    Planted(
        name="system prompt, at the last row",
        story="A word of the system prompt tells the last row to look at the video, which it then does.",
        wiring=Wiring(
            (
                reader(1, 0, LAST, TOLD, TOLD, LOOK_FIRST),
                reader(3, 3, LOOK_FIRST, ANY, WHICH, ANSWER),
            )
        ),
        edges=(Edge("system -> last", 1, 0), Edge("frame[0] -> last", 3, 3)),
        shown=TWO,
        body="llava_pooled",
    ),
    Planted(
        name="system prompt, in the frames",
        story="Frames read a word of the system prompt and mark what they show; the last row reads what is "
        "marked.",
        wiring=Wiring((reader(2, 1, ANY, TOLD, TOLD, MARK), reader(5, 0, LAST, MARK, WHICH, ANSWER))),
        edges=(Edge("system -> video", 2, 1), Edge("frame[0] -> last", 5, 0)),
        shown=TWO,
        body="llava_pooled",
    ),
    Planted(
        name="through separators",
        story="The newlines behind the frames read frame 0, and the last row reads the newlines.",
        wiring=Wiring(
            (
                reader(2, 2, NEWLINE, ANY, WHICH, AFTER[0]),
                reader(4, 0, LAST, NEWLINE, AFTER[0], ANSWER),
            )
        ),
        edges=(Edge("frame[:] -> separator", 2, 2), Edge("separator -> last", 4, 0)),
        shown=TWO,
        body="llava_pooled with newlines",
    ),
    Planted(
        name="through a sink",
        story="All heads of all layers look at one cell of frame 1, and write nothing; in one layer that "
        "cell reads frame 0, and one head of the last row reads it there.",
        wiring=Wiring(
            (
                reader(2, 0, BLUE, ANY, WHICH, AFTER[0]),
                reader(5, 3, LAST, BLUE, AFTER[0], ANSWER),
                *(
                    Reader(layer, head, (Match(ONE, {BLUE: 1}),), ())
                    for layer in range(1, N_LAYERS + 1)
                    for head in range(N_HEADS)
                    if (layer, head) not in _USED
                ),
            )
        ),
        edges=(Edge("frames -> later frames", 2, 0), Edge("frame[1:7] -> last", 5, 3)),
        shown=tuple(
            Shown(answer, (colour * 4, "bkkk", *["kkkk"] * 6)) for answer, colour in (("A", "r"), ("B", "g"))
        ),
    ),
    Planted(
        name="memory in the question",
        story="An MLP knows the answer to the question's last word, and the last row reads it there; a head "
        "reads the video, and nothing uses it.",
        wiring=Wiring(
            (reader(4, 1, LAST, {RISE: 1, SET: 1}, AFTER[0], ANSWER), reader(3, 0, LAST, ANY, WHICH, UNREAD)),
            (Neuron(2, {RISE: 1}, ONE, AFTER[0]), Neuron(2, {SET: 1}, times(ONE, -1), AFTER[0])),
        ),
        edges=(Edge("nonoption -> last", 4, 1),),
        shown=(_SUN["A"], _SUN["B"]),
    ),
    Planted(
        name="memory at the last row",
        story="An MLP of the last row says A whatever is shown and asked; a head reads the video, and "
        "nothing uses it.",
        wiring=Wiring(
            (reader(2, 0, LAST, ANY, WHICH, UNREAD),),
            (Neuron(3, {LAST: 1}, ONE, ANSWER),),
        ),
        edges=(),
        shown=(Shown("A", clip("r")), Shown("A", clip("g"))),
    ),
)
