"""The search: which blocks may be closed together, by exact answers only. It knows of no model.

Closing is tried in steps, and every step is judged by what the model then answers. Many candidates are judged
at once, so that an engine can run them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

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
    """Whether all samples were asked, and as many as needed are right."""
    metric: float
    """Mean logit difference of the samples that were asked."""


Ask = Callable[[Sequence[Closed]], Sequence[Judged]]


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
    the work: a block that alone costs too much is not tried again.
    """

    def __init__(self, ask: Ask, weights: Mapping[Block, float], *, batch: int) -> None:
        """`weights`: edges of each block, in any unit. `batch`: counts that are tried at once."""
        self._ask, self._weights, self._batch = ask, weights, batch
        self.closed: Closed = frozenset()
        self.steps: list[Step] = []

    def first_of(self, phase: str, ranked: Sequence[Block]) -> None:
        """Close as many of `ranked` as can be, the first ones: those that are needed least; up to a few,
        which `each_of` will find."""
        near = max(1, len(ranked) // _NEAR)
        self._close(phase, self._longest(phase, [frozenset([block]) for block in ranked], near=near))

    def each_of(self, phase: str, ranked: Sequence[Block]) -> None:
        """Close of `ranked` what can be: in `batch` groups of neighbours, and those that cannot be closed
        whole in halves again, down to single blocks."""
        size = max(1, -(-len(ranked) // self._batch))
        groups = [frozenset(ranked[at : at + size]) for at in range(0, len(ranked), size)]
        place = {block: number for number, block in enumerate(ranked)}
        before = self._metric_now(phase) if groups else 0.0
        while groups:
            judged = self._judge(phase, groups)
            fine = [number for number, one in enumerate(judged) if one.enough]
            # First what frees most edges for what it costs.
            fine.sort(key=lambda at: (before - judged[at].metric) / self._weight(groups[at]))
            wanted = [groups[at] for at in fine]
            together = self._longest(phase, wanted, known=min(1, len(wanted)))
            self._close(phase, together)
            before = self._metric_now(phase)
            bad = [group for number, group in enumerate(groups) if number not in fine and len(group) > 1]
            groups = [group for group in wanted if not group <= self.closed]
            for group in bad:
                blocks = sorted(group, key=place.__getitem__)
                half = len(blocks) // 2
                groups += [frozenset(blocks[:half]), frozenset(blocks[half:])]

    def _longest(self, phase: str, groups: Sequence[Closed], *, known: int = 0, near: int = 1) -> Closed:
        """The union of as many groups, from the first, as can be closed; `known` of them can. It is less
        than `near` groups short of the most."""
        low, high = known, len(groups) + 1
        while high - low > near:
            counts = sorted({low + -(-(high - low) * part // (self._batch + 1)) for part in
                             range(1, self._batch + 1)} - {low, high})  # fmt: skip
            judged = self._judge(phase, [frozenset().union(*groups[:count]) for count in counts])
            fits = [count for count, one in zip(counts, judged, strict=True) if one.enough]
            low = max([low, *fits])
            high = min([high, *(count for count in counts if count > low)])
        return frozenset().union(*groups[:low])

    def _judge(self, phase: str, groups: Sequence[Closed]) -> Sequence[Judged]:
        sets = [self.closed | group for group in groups]
        judged = self._ask(sets)
        self.steps += [Step(phase, closed, one, False) for closed, one in zip(sets, judged, strict=True)]
        return judged

    def _close(self, phase: str, group: Closed) -> None:
        if group <= self.closed:
            return
        self.closed |= group
        self._accept(phase)

    def _accept(self, phase: str) -> None:
        for at in range(len(self.steps) - 1, -1, -1):
            if self.steps[at].closed == self.closed:
                self.steps[at] = self.steps[at]._replace(phase=phase, accepted=True)
                return

    def _metric_now(self, phase: str) -> float:
        """Mean logit difference with what is closed now."""
        for step in reversed(self.steps):
            if step.closed == self.closed:
                return step.judged.metric
        return self._judge(phase, [frozenset()])[0].metric

    def _weight(self, group: Closed) -> float:
        return sum(self._weights[block] for block in group)
