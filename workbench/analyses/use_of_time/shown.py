"""What a model is shown beside the clip itself: its frames in other orders, single frames, other clips.

Frames change places among the clip's own moments: rows of the prompt, positions and time stamps stay.

Axes: t frame.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from workbench.shapes import Int, shaped

if TYPE_CHECKING:
    from workbench.video import Clip

CONTENT, ORDER, ALONE, KEPT, APART, RANDOM = KINDS = (
    "content",
    "order",
    "frame alone",
    "frame in place",
    "frames apart",
    "random edges",
)
"""Kinds of facts: another clip or none; the same frames in another order; one frame in every place; the
others reordered around one frame; a cut between frames; as many random edges."""
FEWEST = 4
"""Frames of a clip that can be put into other orders, whatever frame stays."""


class Shown(NamedTuple):
    """One thing that is shown in place of the clip."""

    name: str
    kind: str
    clip: Clip
    frame: int = 0
    """The frame, from 1, that is alone or stays in place; 0 where none does."""


@shaped
def shuffled(
    n: int, sample_id: str, draw: int, *, seed: int, stays: int | None = None
) -> Int[np.ndarray, " t"]:
    """An order of n frames in which no frame but `stays` (from 0) keeps its place; t = n.

    It depends on the arguments alone: every sample has orders of its own. The frames that move need to be 2
    at least.
    """
    rng = np.random.default_rng([seed, draw, zlib.crc32(sample_id.encode())])
    moving = np.array([frame for frame in range(n) if frame != stays])
    order = np.arange(n)
    while True:
        order[moving] = rng.permutation(moving)
        if (order[moving] != moving).all():
            return order


@shaped
def reversed_around(n: int, stays: int | None = None) -> Int[np.ndarray, " t"]:
    """The order of n frames backwards, but for the frame `stays` (from 0), which keeps its place; t = n."""
    moving = np.array([frame for frame in range(n) if frame != stays])
    order = np.arange(n)
    order[moving] = moving[::-1]
    return order


def frames_tested(n: int) -> tuple[int, ...]:
    """The first, the middle and the last of n frames, from 0."""
    return tuple(dict.fromkeys((0, (n - 1) // 2, n - 1)))


def shown_in_place(
    clip: Clip, sample_id: str, others: Sequence[Clip], *, shuffles: int, seed: int
) -> Iterator[Shown]:
    """All that is shown in place of a clip of `FEWEST` frames or more."""
    n = len(clip)

    def ordered(order: Sequence[int] | np.ndarray) -> Clip:
        return replace(clip, frames=clip.frames[np.asarray(order)])

    for number, other in enumerate(others, start=1):
        yield Shown(f"another clip {number}", CONTENT, other)
    yield Shown("frames reversed", ORDER, ordered(reversed_around(n)))
    for draw in range(shuffles):
        yield Shown(f"frames shuffled {draw + 1}", ORDER, ordered(shuffled(n, sample_id, draw, seed=seed)))
    for frame in frames_tested(n):
        yield Shown(f"frame {frame + 1} alone", ALONE, ordered([frame] * n), frame + 1)
    for frame in frames_tested(n):
        named = f"frame {frame + 1} in place, others"
        yield Shown(f"{named} reversed", KEPT, ordered(reversed_around(n, frame)), frame + 1)
        for draw in range(2):
            order = shuffled(n, sample_id, draw, seed=seed, stays=frame)
            yield Shown(f"{named} shuffled {draw + 1}", KEPT, ordered(order), frame + 1)
