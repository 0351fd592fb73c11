"""Size-matched controls: as many random keys as a flow takes, from the same queries.

A frame that is hidden is also so many edges that are cut. Whether it is this frame that counts, or any edges
of that number, is a comparison with keys drawn at random: every query that the flow touches loses exactly as
many keys as in the flow, in the same heads, drawn among the video's rows before it that are not of its own
frame.
"""

from __future__ import annotations

import functools
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import KnockoutError
from workbench.interventions.edges import Edges, Rectangle
from workbench.interventions.flows import Flow
from workbench.interventions.protocol import REMOVALS
from workbench.prompts.partition import row_frames

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

_TEXT = re.compile(
    r"as many random keys as (?P<flow>.+) \(seed (?P<seed>\d{1,18}), draw (?P<draw>\d{1,18})\)",
    flags=re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomKeys:
    """As many random video keys as a flow takes, from the same query rows and in the same heads.

    Queries with the same choice lose the same keys, as they do in a flow. The flow's own keys can be drawn
    too: it is one of the sets that are equally likely. The draw depends on these fields and the prompt's
    layout alone. Raises KnockoutError for a flow that cuts rows' own keys, and for numbers below 0.
    """

    flow: Flow
    seed: int
    draw: int = 0
    """Which of the seed's draws, from 0."""

    def __post_init__(self) -> None:
        for name in ("seed", "draw"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise KnockoutError(f"{name}={value!r}: random keys need a whole number from 0 here.")
        if not self.flow.keep_self:
            raise KnockoutError(
                f"'{self.flow}' cuts rows' own keys, and there are no others like them to draw. "
                "Name another flow."
            )

    @classmethod
    def parse(cls, text: str) -> RandomKeys | None:
        """Reads what `str` writes; None where the text is nothing of the kind. FlowError for its flow."""
        found = _TEXT.fullmatch(" ".join(text.split()))
        if found is None:
            return None
        return cls(flow=Flow.parse(found["flow"]), seed=int(found["seed"]), draw=int(found["draw"]))

    @property
    def heads(self) -> tuple[int, ...] | None:
        """The flow's."""
        return self.flow.heads

    @property
    def keep_self(self) -> bool:
        """True: only keys before a row are drawn."""
        return True

    @property
    def name(self) -> str:
        """Its text without heads."""
        return f"as many random keys as {self.flow.name} (seed {self.seed}, draw {self.draw})"

    def __str__(self) -> str:
        return f"as many random keys as {self.flow} (seed {self.seed}, draw {self.draw})"

    def edges(self, layout: TokenLayout) -> Edges:
        """The drawn edges: each row loses as many keys as in the flow.

        Raises as the flow's own edges; KnockoutError where a row has fewer keys to draw from, and where none
        has more, so that every draw would be the same.
        """
        return _drawn(self, layout)


REMOVALS.add(RandomKeys.parse)


@functools.lru_cache(maxsize=64)  # one draw serves its check, its mask and its plan; layouts hash by identity
def _drawn(spec: RandomKeys, layout: TokenLayout) -> Edges:
    taken = spec.flow.edges(layout).per_row()
    rows = np.flatnonzero(taken)
    video = layout["video"]
    frames = row_frames(layout)
    begins = np.array([frame[0] if frame.size else 0 for frame in layout.frames], dtype=np.int64)
    own = frames[rows]
    # Keys before a row, or before its frame, are the first so many of the video.
    pools = np.searchsorted(video, np.where(own < 0, rows, begins[own] if begins.size else rows))
    wanted = taken[rows]
    if np.any(wanted > pools):
        row = rows[np.argmax(wanted > pools)]
        raise KnockoutError(
            f"'{spec}': row {row} loses {taken[row]} keys, and has only {pools[rows == row][0]} of the "
            "video, outside its own frame, to draw from. Controls are for flows out of the video."
        )
    if np.all(wanted == pools):
        raise KnockoutError(f"'{spec}': these are all the keys that there are, so every draw is the same.")
    seeds = [spec.seed, spec.draw, zlib.crc32(str(spec.flow).encode())]
    order = np.random.default_rng(seeds).permutation(video.size)
    blocks = []
    for pool, count in np.unique(np.stack([pools, wanted], axis=1), axis=0):
        drawn = order[order < pool][:count]
        blocks.append(Rectangle(rows[(pools == pool) & (wanted == count)], np.sort(video[drawn])))
    return Edges(length=layout.length, rectangles=tuple(blocks), keep_self=True)
