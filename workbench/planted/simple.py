"""The simplest planted models: one path through the frames and the question, or the last row by itself.

The clip is a folder of four pictures: frame 0 alone shows the answer (red for A, green for B), the last is
blue, the others are black. In a `staged` model this path, and nothing else, carries the answer:

    layer a, head 1:  rows of the last frame read frame 0           (frames -> later frames)
    layer b, head 2:  one word of the question reads the last frame (video -> nonoption)
    layer c, head 3:  the last row reads that word                  (nonoption -> last)

In a `direct` model the last row reads frame 0 by itself in one layer, head 0 (video -> last).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.data import Sample
from workbench.planted.checkpoint import load_planted, write_checkpoint
from workbench.planted.clips import write_clip
from workbench.planted.vocabulary import OPTIONS, QUESTION
from workbench.planted.wiring import (
    AFTER,
    ANSWER,
    BLUE,
    LAST,
    N_LAYERS,
    SEEN_A,
    SEEN_B,
    WORD,
    Reader,
    Wiring,
    reader,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.models import VideoLLM
    from workbench.models.attention import AttentionKind

N_FRAMES = 4
ANY = {SEEN_A: 1.0, SEEN_B: 1.0}
"""1 in rows of a frame that shows an answer."""
WHICH = {SEEN_A: 1.0, SEEN_B: -1.0}
"""The answer that a row shows: +1 for A, -1 for B."""


def staged(a: int, b: int, c: int) -> tuple[Reader, ...]:
    """The answer travels frame 0 -> last frame -> question -> last row in layers a < b < c, from 1."""
    assert 1 <= a < b < c <= N_LAYERS
    return (
        reader(a, 1, BLUE, ANY, WHICH, AFTER[0]),
        reader(b, 2, WORD, BLUE, AFTER[0], AFTER[1]),
        reader(c, 3, LAST, WORD, AFTER[1], ANSWER),
    )


def direct(layer: int) -> tuple[Reader, ...]:
    """The last row reads frame 0 by itself in this layer, from 1."""
    return (reader(layer, 0, LAST, ANY, WHICH, ANSWER),)


def planted_model(readers: Iterable[Reader], attention: AttentionKind = "sdpa") -> VideoLLM:
    """The model with these reading heads and no others."""
    return load_planted(Wiring(tuple(readers)), attention=attention)


def save_planted(readers: Iterable[Reader], folder: Path) -> Path:
    """Its checkpoint folder."""
    return write_checkpoint(Wiring(tuple(readers)), folder)


def planted_sample(folder: Path, answer: str) -> Sample:
    """A question whose clip, a folder of pictures made in `folder`, shows this answer: "A" or "B"."""
    shown = {"A": "rrrr", "B": "gggg"}[answer]
    return Sample(
        id=f"planted/{answer}",
        task="planted",
        video=write_clip((shown, "kkkk", "kkkk", "bbbb"), folder / f"shows_{answer}"),
        question=QUESTION,
        options=OPTIONS,
        answer="AB".index(answer),
    )
