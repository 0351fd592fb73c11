"""Where the search measures: every round is a run of its own in the search's folder, so that it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analyses.smallest.measurement import EdgeSet, FlowSizes, OpenEdges
from workbench.analyses.smallest.ranking import given_scores, measured_scores
from workbench.analyses.smallest.search import Closed, Judged
from workbench.interventions import Flow
from workbench.interventions.blocks import Block, closing
from workbench.runs import measure_samples

if TYPE_CHECKING:
    from workbench.data import Samples
    from workbench.engine import Engine
    from workbench.models import VideoLLM
    from workbench.runs import Measured

_EVERY = 5
"""Which part of the search half is asked first: most sets that lose too much show it there."""


@dataclass(kw_only=True)
class Lab:
    """One model, one half of the samples to search on, one engine."""

    model: VideoLLM
    search: Samples
    engine: Engine
    out: Path | None
    prompting: Mapping[str, Any]
    """Arguments of `measure_samples`: style, separators, frames, progress."""
    rounds: int = field(default=0, init=False)

    def measure(self, name: str, samples: Samples, measurement: OpenEdges | FlowSizes) -> Measured:
        """One run, in the folder `name`."""
        out = None if self.out is None else self.out / name
        return measure_samples(self.model, samples, measurement, out=out, **self.prompting)

    def sets(self, name: str, samples: Samples, sets: Sequence[EdgeSet]) -> Measured:
        """Samples with each of several sets closed."""
        return self.measure(name, samples, OpenEdges(sets=tuple(sets), engine=self.engine))

    def closed(self, name: str, blocks: Closed) -> EdgeSet:
        """These blocks closed."""
        return EdgeSet(name, closing(blocks, self.model.n_heads))

    def weights(self, flows: Sequence[Flow]) -> tuple[dict[str, float], int]:
        """Of each flow that the prompts have, the mean share of the model's edges in one layer and head of
        it; and how many samples can be used."""
        rows: Any = self.measure("sizes", self.search, FlowSizes(flows=tuple(flows))).table
        each = (rows["edges"] / rows["edges_full"] / self.model.n_heads).groupby(rows["flow"], sort=False)
        shares = {str(flow): float(share) for flow, share in each.mean().items()}
        return {flow: share for flow, share in shares.items() if share > 0}, rows["sample_id"].nunique()

    def scores(
        self, name: str, blocks: Sequence[Block], given: pd.DataFrame | None, *, screen: bool = False
    ) -> dict[Block, float]:
        """The scores of blocks, as given or else measured in the folder `name`; on the first samples only,
        where they `screen`."""
        if given is not None:
            return given_scores(given, blocks)
        sets = [self.closed(str(block), frozenset([block])) for block in blocks]
        samples = self._waves()[0] if screen else self.search
        return measured_scores(self.sets(name, samples, sets).table, blocks)

    def ask(self, closed: Sequence[Closed], *, may_lose: int | None = None) -> list[Judged]:
        """What the search half is answered with each set of blocks closed: one round of the search.

        A set with which more than `may_lose` of the first samples are wrong is not asked of the others; None
        asks all of all.
        """
        self.rounds += 1
        names = [f"set {number}" for number in range(len(closed))]
        sets = [self.closed(name, blocks) for name, blocks in zip(names, closed, strict=True)]
        found: dict[str, list[pd.DataFrame]] = {name: [] for name in names}
        waves = self._waves()
        for number, samples in enumerate(waves):
            left = [one for one in sets if may_lose is None or _lost(found[one.name]) <= may_lose]
            if not left:
                break
            rows = self.sets(f"search-{self.rounds:03d}-{number}", samples, left).table
            for one in left:
                found[one.name].append(rows.loc[(rows["name"] == one.name).to_numpy(bool)])
        return [_judged(found[name], may_lose, len(waves)) for name in names]

    def _waves(self) -> list[Samples]:
        """The search half in two parts, every fifth sample first."""
        first = {sample.id for sample in self.search[::_EVERY]}
        parts = [self.search.filter(lambda one, own=own: (one.id in first) is own) for own in (True, False)]
        return [part for part in parts if len(part)]


def _lost(parts: Sequence[pd.DataFrame]) -> int:
    return sum(int((~part["correct"].to_numpy(bool)).sum()) for part in parts)


def _judged(parts: Sequence[pd.DataFrame], may_lose: int | None, waves: int) -> Judged:
    rows = pd.concat(parts)
    lost = _lost(parts)
    possible = may_lose is None or lost <= may_lose
    metric = float(rows["logit_difference"].to_numpy(np.float64).mean())
    return Judged(len(rows), len(rows) - lost, possible and len(parts) == waves, metric)
