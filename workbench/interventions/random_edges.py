"""Random edges: the control for a claim that some edges are enough, or needed.

Map the Flow, section 3.5: as many edges as the effective pathways close, drawn among positions at or after
the first video token, anew in every layer, the same for all heads.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import KnockoutError
from workbench.interventions.edges import ScatteredEdges
from workbench.interventions.protocol import REMOVALS

if TYPE_CHECKING:
    from workbench.prompts.layout import TokenLayout

_TEXT = re.compile(
    r"(?P<count>\d{1,18}) random edges from row (?P<first_row>\d{1,18}) "
    r"\(seed (?P<seed>\d{1,18}), draw (?P<draw>\d{1,18})(?P<self_too>, self too)?\)",
    flags=re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomEdges:
    """So many (query, key) pairs, drawn at random; cut like a flow.

    Every pair of a query and an earlier key, both at or after `first_row`, is equally likely. The draw
    depends on these fields and the prompt's length alone. Raises KnockoutError for numbers below 0 or no
    edge at all.
    """

    count: int
    first_row: int
    """Rows from 0: the first row of the video in the paper's control."""
    seed: int
    draw: int = 0
    """Which of the seed's draws, from 0. Layers that should differ have different ones."""
    keep_self: bool = True
    """Rows keep their own key. The authors' script draws from the diagonal too (False)."""

    def __post_init__(self) -> None:
        for name in ("count", "first_row", "seed", "draw"):
            value = getattr(self, name)
            lowest = 1 if name == "count" else 0
            if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
                raise KnockoutError(f"{name}={value!r}: random edges need a whole number from {lowest} here.")

    @classmethod
    def parse(cls, text: str) -> RandomEdges | None:
        """Reads what `str` writes; None where the text is nothing of the kind."""
        found = _TEXT.fullmatch(" ".join(text.split()))
        if found is None:
            return None
        numbers = {name: int(found[name]) for name in ("count", "first_row", "seed", "draw")}
        return cls(**numbers, keep_self=not found["self_too"])

    @property
    def heads(self) -> None:
        """All heads lose the same edges."""

    @property
    def name(self) -> str:
        """The same as its text."""
        return str(self)

    def __str__(self) -> str:
        self_too = "" if self.keep_self else ", self too"
        return (
            f"{self.count} random edges from row {self.first_row} "
            f"(seed {self.seed}, draw {self.draw}{self_too})"
        )

    def edges(self, layout: TokenLayout) -> ScatteredEdges:
        """The drawn edges. Raises KnockoutError where the prompt has fewer to draw from."""
        rows = layout.length - self.first_row
        pool = pool_size(rows, keep_self=self.keep_self)
        if self.count > pool:
            raise KnockoutError(
                f"'{self}': this prompt has {layout.length} rows and only {pool} such edges. Draw fewer, or "
                "begin at an earlier row."
            )
        return _drawn(self, layout.length)


REMOVALS.add(RandomEdges.parse)


def pool_size(rows: int, *, keep_self: bool = True) -> int:
    """How many edges there are to draw from among so many rows."""
    return max(0, rows) * (max(0, rows) + (-1 if keep_self else 1)) // 2


@functools.lru_cache(maxsize=2)  # a check and the mask that follows it share one draw
def _drawn(spec: RandomEdges, length: int) -> ScatteredEdges:
    rows = length - spec.first_row
    # Edges in reading order: row i of the pool begins at offset i(i-1)/2, or i(i+1)/2 with the diagonal.
    offsets = np.array([pool_size(row, keep_self=spec.keep_self) for row in range(rows + 1)], dtype=np.int64)
    rng = np.random.default_rng([spec.seed, spec.draw])
    drawn = np.sort(rng.choice(offsets[-1], size=spec.count, replace=False, shuffle=False))
    places = np.searchsorted(drawn, offsets)
    keys = drawn - np.repeat(offsets[:-1], np.diff(places)) + spec.first_row
    starts = np.concatenate([np.zeros(spec.first_row, dtype=np.int64), places])
    return ScatteredEdges(length=length, keys=keys, starts=starts)
