"""What a model is shown beside the clip itself: its frames in other orders, single frames, other clips.

Frames change places among the clip's own moments: rows of the prompt, positions and time stamps stay.

Axes: t frame.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from workbench.shapes import Int, shaped

if TYPE_CHECKING:
    from workbench.video import Clip

T = TypeVar("T")

HIDDEN, CONTENT, ORDER, ALONE, KEPT, ELSEWHERE, APART, RANDOM = KINDS = (
    "no video",
    "content",
    "order",
    "frame alone",
    "frame in place",
    "frame elsewhere",
    "frames apart",
    "random edges",
)
"""Kinds of facts: the video is cut from the text; another clip; the same frames in another order; one frame
in every place; the others reordered around it; that frame in other clips; a cut between frames;
as many random edges."""
FEWEST = 4
"""Frames of a clip that can be put into other orders, whatever frame stays."""


class Shown(NamedTuple):
    """One thing that is shown in place of the clip."""

    name: str
    kind: str
    clip: Clip
    frame: int = 0
    """The frame, from 1, that is alone, stays in place or is put into another clip; 0 where none is."""


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


def interrogate(
    clip: Clip,
    sample_id: str,
    others: Sequence[Clip],
    ask: Callable[[Clip], T],
    kept: Callable[[T], bool],
    *,
    shuffles: int,
    seed: int,
) -> Iterator[tuple[Shown, T]]:
    """All that is shown in place of a clip of `FEWEST` frames or more, with what `ask` gives for it.

    `kept` says whether that is the answer to the clip itself. Where an order changes the answer and one frame
    in every place keeps it, that frame is looked at closer: the others are reordered around it, and it takes
    its place in `others`.
    """
    n = len(clip)

    def ordered(order: Sequence[int] | np.ndarray) -> Clip:
        return replace(clip, frames=clip.frames[np.asarray(order)])

    def asked(one: Shown) -> tuple[Shown, T]:
        return one, ask(one.clip)

    for number, other in enumerate(others, start=1):
        yield asked(Shown(f"another clip {number}", CONTENT, other))
    orders = [Shown("frames reversed", ORDER, ordered(reversed_around(n)))]
    for draw in range(shuffles):
        order = shuffled(n, sample_id, draw, seed=seed)
        orders.append(Shown(f"frames shuffled {draw + 1}", ORDER, ordered(order)))
    found = [asked(one) for one in orders]
    yield from found
    matters = not all(kept(what) for _, what in found)
    for frame in frames_tested(n):
        alone = asked(Shown(f"frame {frame + 1} alone", ALONE, ordered([frame] * n), frame + 1))
        yield alone
        if not (matters and kept(alone[1])):
            continue
        named = f"frame {frame + 1} in place, others"
        yield asked(Shown(f"{named} reversed", KEPT, ordered(reversed_around(n, frame)), frame + 1))
        for draw in range(2):
            order = shuffled(n, sample_id, draw, seed=seed, stays=frame)
            yield asked(Shown(f"{named} shuffled {draw + 1}", KEPT, ordered(order), frame + 1))
        for number, other in enumerate(others, start=1):
            named = f"frame {frame + 1} in another clip {number}"
            yield asked(Shown(named, ELSEWHERE, _with_frame(other, clip, frame), frame + 1))


def _with_frame(other: Clip, clip: Clip, frame: int) -> Clip:
    """Another clip with this frame of `clip` at the same share of its length, in its own size."""
    from PIL import Image

    height, width = other.size
    ours = clip.frames[frame]
    if clip.size != other.size:
        ours = np.asarray(Image.fromarray(ours).resize((width, height)))
    frames = other.frames.copy()
    frames[round(frame * (len(other) - 1) / (len(clip) - 1))] = ours
    return replace(other, frames=frames)
