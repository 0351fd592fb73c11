"""Rules that choose which rows of the video leave: published token pruners, and chance beside them.

A rule of your own is a frozen dataclass with `reads_attention` and `__call__`, ten lines; see `Rule`.

Axes: s row still there, h head.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from workbench.errors import InterventionError
from workbench.interventions.exits import RULES, Rule, Seen
from workbench.shapes import Int

if TYPE_CHECKING:
    from torch import Tensor

_FASTV = re.compile(r"fastv\((?P<share>[\d.]{1,20})\)", flags=re.IGNORECASE)
_RANDOM = re.compile(r"random\((?P<share>[\d.]{1,20}), seed (?P<seed>\d{1,9})\)", flags=re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FastV(Rule):
    """The share of the video that the last row attends to least, mean over heads, leaves.

    Source: Chen et al., "An Image is Worth 1/2 Tokens After Layer 2" (ECCV 2024), equation 2: there after
    layer 2, share 0.5. Raises InterventionError for a share outside 0..1.
    """

    reads_attention: ClassVar[bool] = True
    share: float = 0.5
    """Of the video's rows that are still there; rounded down to whole rows."""

    def __post_init__(self) -> None:
        _check_share(self.share)

    def __call__(self, seen: Seen) -> Int[Tensor, " n"]:
        places = seen.places()
        video = seen.rows[places]
        received = seen.attention(int(seen.layout["last"][-1])).mean(dim=0)[places]
        return video[received.argsort(stable=True)[: int(self.share * len(video))]]

    def __str__(self) -> str:
        return f"fastv({self.share:g})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomRows(Rule):
    """As many rows of the video, drawn at random: what a pruner has to beat.

    The draw depends on the seed and the rows alone. Raises InterventionError for a share outside 0..1.
    """

    share: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        _check_share(self.share)

    def __call__(self, seen: Seen) -> Int[Tensor, " n"]:
        import numpy as np

        video = seen.rows[seen.places()]
        drawn = np.random.default_rng(self.seed).permutation(len(video))[: int(self.share * len(video))]
        return video[video.new_tensor(drawn)]

    def __str__(self) -> str:
        return f"random({self.share:g}, seed {self.seed})"


def _check_share(share: float) -> None:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise InterventionError(f"share={share!r}: give the part of the video that leaves, above 0 to 1.")


def _fastv(text: str) -> FastV | None:
    found = _FASTV.fullmatch(text)
    return FastV(share=float(found["share"])) if found else None


def _random(text: str) -> RandomRows | None:
    found = _RANDOM.fullmatch(text)
    return RandomRows(share=float(found["share"]), seed=int(found["seed"])) if found else None


RULES.add(_fastv)
RULES.add(_random)
