"""Ways to spoil a file, by the thousand and the same each time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

HOSTILE = [0x00000000, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0x00000001, 0x0000FFFF]
"""Sizes and counts that readers trip over."""


def _flip(data: bytearray, rng: random.Random, count: int) -> None:
    for _ in range(count):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def flip_one(data: bytearray, rng: random.Random) -> None:
    _flip(data, rng, 1)


def flip_many(data: bytearray, rng: random.Random) -> None:
    _flip(data, rng, 1 + len(data) // 200)


def cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def cut_inside(data: bytearray, rng: random.Random) -> None:
    begin = rng.randrange(len(data))
    del data[begin : begin + 1 + rng.randrange(200)]


def insert(data: bytearray, rng: random.Random) -> None:
    place = rng.randrange(len(data))
    data[place:place] = rng.randbytes(1 + rng.randrange(200))


def zeros(data: bytearray, rng: random.Random) -> None:
    begin = rng.randrange(len(data))
    size = min(len(data) - begin, 1 + rng.randrange(2000))
    data[begin : begin + size] = bytes(size)


def hostile_number(data: bytearray, rng: random.Random) -> None:
    """In the first 400 bytes or the last, where most formats keep sizes and counts."""
    place = rng.randrange(min(len(data), 400))
    place = place if rng.random() < 0.7 else len(data) - 1 - place
    size = rng.choice((1, 2, 4))
    number = (rng.choice(HOSTILE) & (1 << 8 * size) - 1).to_bytes(size, rng.choice(("big", "little")))
    data[place : place + size] = number


def swap(data: bytearray, rng: random.Random) -> None:
    size = max(1, len(data) // 10)
    one, two = (rng.randrange(max(1, len(data) - size)) for _ in range(2))
    data[one : one + size], data[two : two + size] = data[two : two + size], data[one : one + size]


def append(data: bytearray, rng: random.Random) -> None:
    data += rng.randbytes(1 + rng.randrange(5000))


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flip_one,
    flip_many,
    cut,
    cut_inside,
    insert,
    zeros,
    hostile_number,
    swap,
    append,
)


def mutants(data: bytes, count: int, seed: str) -> Iterator[bytes]:
    """`count` spoilt copies, all kinds in turn; every fourth is spoilt twice."""
    for number in range(count):
        rng = random.Random(f"{seed}/{number}")
        spoilt = bytearray(data)
        MUTATIONS[number % len(MUTATIONS)](spoilt, rng)
        if number % 4 == 3 and spoilt:
            rng.choice(MUTATIONS)(spoilt, rng)
        yield bytes(spoilt)
