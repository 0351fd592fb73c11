"""Which cheap method may be trusted? Estimates of every cut, judged by exact knockouts of all of them.

One backward pass estimates what cutting every flow would do, in every layer and head. Here the engine then
makes all of these cuts, and each method gets its marks: Spearman's rho with the exact effects by task, flow
and layer, the share of its ten largest cells that knockouts confirm, and what it costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

import workbench as wb
from workbench.analyses import attribution
from workbench.figures import agreement_by_cost, agreement_by_layer
from workbench.pages import write_figure
from workbench.recipe import Count, Prompting, console, say


class Found(NamedTuple):
    """What this recipe finds."""

    attribution: attribution.Attribution
    """All cells, verified."""
    agreement: pd.DataFrame
    costs: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class AttributionAudit(Prompting):
    """Which cheap method may be trusted? Estimates of every cut against exact knockouts."""

    flows: tuple[str, ...] = attribution.FLOWS
    """Flows without heads, each in quotes."""
    methods: tuple[str, ...] = attribution.METHODS
    """Methods to judge: local hybrid gradient integrated relp attention value_norm."""
    window: str = "centred(1)"
    """Layers that are cut at once, for example "centred(3)"; an estimate is then a sum over layers."""
    engine: str = "incremental"
    """What makes the exact knockouts: incremental, incremental-float32 or reference."""
    top: Count = 10
    """The largest cells of a sample, of which knockouts confirm a share."""
    timed: Count = 3
    """Samples on which costs are measured, the first."""

    def run(self) -> Found:
        """Estimate, cut, compare, and write tables and figures into `out`. One sample a task by default."""
        samples, model = self.load_samples(limit=1), self.load_model()
        say(samples)
        found = wb.attribute(
            model,
            samples,
            self.flows,
            method=self.methods,
            window=self.window,
            only_correct=False,
            engine=self.engine,
            out=self.out,
            **self.prompting,
        )
        found.verify(top=None, engine=self.engine, out=self.out / "exact")
        agreement = found.agreement(top=self.top, seed=self.seed)
        costs = attribution.costs(found, self.timed, out=self.out / "costs")
        tables = [
            self.write_csv(found.table, "attribution.csv", "%.6g"),
            self.write_csv(agreement, "agreement.csv"),
            self.write_csv(costs, "costs.csv"),
        ]
        console().print(attribution.agreement_shown(agreement, costs))
        figures = [
            *write_figure(agreement_by_cost(agreement, costs), self.out / "attribution_audit"),
            *write_figure(agreement_by_layer(agreement), self.out / "agreement_by_layer"),
        ]
        self.wrote(*tables, *figures, skipped=found.skipped)
        return Found(found, agreement, costs)
