"""The search: which blocks may be closed together, by exact answers only. It knows of no model.

Closing is tried in steps, and every step is judged by what the model then answers. Many candidates are judged
at once, so that an engine can run them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from workbench.analyses.smallest.ranking import LEAST
from workbench.interventions.blocks import Block

Closed = frozenset[Block]
_NEAR = 32
"""A first guess is good to this part of the blocks."""


class Judged(NamedTuple):
    """What a model answers with a set of blocks closed."""

    samples: int
    """How many were asked: fewer than all where these say already that too many are lost."""
    right: int
    """Of them, those that it answers correctly."""
    enough: bool
    """Whether all were asked, and no more are wrong than may be."""
    metric: float
    """Mean logit difference of the samples that were asked."""


Ask = Callable[[Sequence[Closed]], Sequence[Judged]]
"""What is answered with each set of blocks closed."""


class Step(NamedTuple):
    """One candidate."""

    phase: str
    closed: Closed
    judged: Judged
    accepted: bool
    """Whether the search went on from it."""


class Search:
    """Closes blocks as long as enough samples are answered correctly.

    That what cannot be closed now cannot be closed later, when less is open, is assumed and saves most of
    the work: a block that costs too much is not tried again.
    """

    def __init__(self, ask: Ask, weights: Mapping[Block, float], *, metric: float, batch: int) -> None:
        """`weights`: edges of each block, in any unit. `metric`: of the untouched model. `batch`: counts that
        are tried at once."""
        self._ask, self._weights, self._batch = ask, weights, batch
        self._metric = metric
        self.closed: Closed = frozenset()
        self.steps: list[Step] = []

    def first_of(self, phase: str, ranked: Sequence[Block]) -> None:
        """Close as many of `ranked` as can be, the first ones: those that are needed least; up to a few,
        which `each_of` will find."""
        near = max(1, len(ranked) // _NEAR)
        groups = [frozenset([block]) for block in ranked]
        self._close(phase, groups[: self._longest(phase, groups, near=near)])

    def each_of(self, phase: str, ranked: Sequence[Block], *, rounds: int) -> bool:
        """Close of `ranked` what can be: in `batch` groups of neighbours, and those that cannot be closed
        whole in halves again, down to single blocks. Whether all was tried within so many rounds."""
        size = max(1, -(-len(ranked) // self._batch))
        groups = [frozenset(ranked[at : at + size]) for at in range(0, len(ranked), size)]
        place = {block: number for number, block in enumerate(ranked)}
        for _ in range(rounds):
            if not groups:
                break
            judged = dict(zip(groups, self._judge(phase, groups), strict=True))
            price = {
                group: max(self._metric - one.metric, LEAST * abs(self._metric), 1e-9)
                / sum(self._weights[block] for block in group)
                for group, one in judged.items()
                if one.enough
            }
            alone = sorted(price, key=price.__getitem__)  # first what frees most edges for what it costs
            bad = [group for group in groups if group not in price]
            while alone:
                fits = self._longest(phase, alone)
                self._close(phase, alone[:fits])
                bad += alone[fits : fits + 1]  # it does not fit on top of what is closed now
                alone = alone[fits + 1 :]
            groups = []
            for group in bad:
                if len(group) > 1:
                    blocks = sorted(group, key=place.__getitem__)
                    half = len(blocks) // 2
                    groups += [frozenset(blocks[:half]), frozenset(blocks[half:])]
        return not groups

    def _longest(self, phase: str, groups: Sequence[Closed], *, near: int = 1) -> int:
        """How many groups, the first ones, can be closed together. It is less than `near` short of the
        most."""
        low, high = 0, len(groups) + 1
        while high - low > near:
            parts = range(1, self._batch + 1)
            counts = {low + -(-(high - low) * part // (self._batch + 1)) for part in parts} - {low, high}
            tried = sorted(counts)
            judged = self._judge(phase, [frozenset().union(*groups[:count]) for count in tried])
            low = max([low, *(count for count, one in zip(tried, judged, strict=True) if one.enough)])
            high = min([high, *(count for count in tried if count > low)])
        return low

    def _judge(self, phase: str, groups: Sequence[Closed]) -> Sequence[Judged]:
        sets = [self.closed | group for group in groups]
        judged = self._ask(sets)
        self.steps += [Step(phase, closed, one, False) for closed, one in zip(sets, judged, strict=True)]
        return judged

    def _close(self, phase: str, groups: Sequence[Closed]) -> None:
        if not groups:
            return
        self.closed = self.closed.union(*groups)
        for at in range(len(self.steps) - 1, -1, -1):
            if self.steps[at].closed == self.closed and self.steps[at].judged.enough:
                self.steps[at] = self.steps[at]._replace(phase=phase, accepted=True)
                self._metric = self.steps[at].judged.metric
                return
