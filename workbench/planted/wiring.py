"""What is written into a planted decoder, as data: heads that read, neurons that compute, features by number.

A head reads like this: its query and key are features of the residual stream. A match scores 60 (times the
weights of its features), and every row scores 30 on the first token, a sink whose value is zero; anything
else scores 0. A reader puts all but e^-30 of its attention on the rows that it looks for, on the sink where
those are cut, and no other row reads anything. Features of a match sit in the slowest rotary channels,
where position turns them by less than 1e-4 of a degree.

A neuron is one of a gated MLP: silu(gate) * up, its gate so steep that it is either open or shut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Features = Mapping[int, float]
"""Features of the residual stream with their weights: a linear form."""

N_LAYERS, N_HEADS, D_MODEL, D_HEAD = 6, 4, 64, 16
# Of 64 features. 0 keeps the norm the same in every row; what words and frames show; what is written.
CONSTANT, SINK, SEEN_A, SEEN_B, BLUE, WORD, LAST, TAIL = range(8)
AFTER = (8, 9, 10)
ANSWER = AFTER[2]
"""+1 for A, -1 for B: the unembedding reads this feature and no other."""
DONE, LOOK_FIRST, LOOK_LAST, OPTION_A, OPTION_B, TOLD, NEWLINE = range(11, 18)
ASKS_FIRST, ASKS_LAST, RISE, SET, UNREAD, MARK = range(18, 24)
FREE = 24
"""Features from here on are noise of the words."""
BALLAST = 32.0
ONE: Features = {CONSTANT: 1 / BALLAST}
"""1 in every row."""
MATCH_SCORE, SINK_SCORE = 60.0, 30.0
STEEP = 30.0


class Match(NamedTuple):
    """Rows with `query` look at rows with `key`: where the product of the two forms is 1, it scores 60."""

    query: Features
    key: Features


class Move(NamedTuple):
    """The head writes the form `source` of the rows that it reads into feature `out`, times `gain`."""

    source: Features
    out: int
    gain: float = 1.0


class Reader(NamedTuple):
    """One attention head that reads."""

    layer: int
    """From 1."""
    head: int
    """From 0."""
    matches: tuple[Match, ...]
    moves: tuple[Move, ...]


class Neuron(NamedTuple):
    """One neuron of an MLP: relu of the form `gate`, times the form `up`, is added to feature `out`."""

    layer: int
    """From 1; the MLP of a layer runs behind its attention."""
    gate: Features
    up: Features
    out: int


class Wiring(NamedTuple):
    """All that is written into a decoder."""

    readers: tuple[Reader, ...] = ()
    neurons: tuple[Neuron, ...] = ()
    heads: int = N_HEADS
    """Heads of a layer."""
    noise: float = 0.0
    """How much heads that read nothing write into the answer: they average over all rows, and their values
    are random numbers of about this size."""


def reader(
    layer: int,
    head: int,
    query: int | Features,
    key: int | Features,
    source: int | Features,
    out: int,
    gain: float = 1.0,
) -> Reader:
    """A head with one match and one move; a feature stands for itself with weight 1."""
    match = Match(form(query), form(key))
    return Reader(layer, head, (match,), (Move(form(source), out, gain),))


def form(feature: int | Features) -> Features:
    """A feature as a form of weight 1; a form as it is."""
    return {feature: 1.0} if isinstance(feature, int) else feature


def product(layer: int, one: int | Features, other: int | Features, out: int) -> tuple[Neuron, ...]:
    """Neurons that add the product of two features, of which the first is near +1, 0 or -1, to `out`."""
    return (
        Neuron(layer, form(one), form(other), out),
        Neuron(layer, times(form(one), -1), times(form(other), -1), out),
    )


def at_most_one(layer: int, feature: int, out: int) -> tuple[Neuron, ...]:
    """Neurons that add a feature, held between -1 and 1, to `out`."""
    found = []
    for sign in (1.0, -1.0):
        signed = times(form(feature), sign)
        found.append(Neuron(layer, signed, times(ONE, sign), out))
        found.append(Neuron(layer, plus(signed, times(ONE, -1)), times(ONE, -sign), out))
    return tuple(found)


def times(features: Features, factor: float) -> dict[int, float]:
    """A form, multiplied."""
    return {feature: weight * factor for feature, weight in features.items()}


def plus(*forms: Features) -> dict[int, float]:
    """The sum of forms."""
    found: dict[int, float] = {}
    for one in forms:
        for feature, weight in one.items():
            found[feature] = found.get(feature, 0.0) + weight
    return found
