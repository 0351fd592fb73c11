"""What is measured of every sample: estimates of all cells, and exact knockouts of some.

Axes: f flow, l layer, h head.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
from scipy.special import expit

from workbench.analyses.attribution.cells import (
    ALL_HEADS,
    ESTIMATED,
    VERIFIED,
    AttributionRow,
    Cell,
    as_heads,
    every_cell,
)
from workbench.analyses.attribution.estimates import (
    Estimates,
    change_percent_of,
    check_methods,
    estimate,
)
from workbench.analyses.attribution.methods import HYBRID, NAIVE
from workbench.analyses.attribution.passes import check_differentiable
from workbench.analyses.sweep.cells import refuse_missing
from workbench.errors import NotFinite, WorkbenchError
from workbench.interventions import Flow, Window
from workbench.measures.correctness import UNKNOWN, judge
from workbench.measures.log_odds import MEASURE as LOG_ODDS
from workbench.measures.probability import change_percent
from workbench.runs import Asked, Done, Encoder, Measurement, Record, Skip, table_of
from workbench.runs.tables import schema_of

if TYPE_CHECKING:
    from workbench.engine import Engine
    from workbench.models import VideoLLM
    from workbench.prompts.prompt import Prompt

_WRONG = "the model answers it wrongly, and only_correct keeps to right answers"


@dataclass(frozen=True, kw_only=True)
class CellEstimates(Measurement):
    """Estimates of every cell, by every method."""

    name: ClassVar[str] = "attribution"
    table: ClassVar[str] = "attribution"

    flows: tuple[Flow, ...]
    methods: tuple[str, ...]
    by: tuple[str, ...]
    window: Window
    only_correct: bool
    steps: int
    engine: Engine
    """For "hybrid"."""

    @property
    def schema(self) -> pa.Schema:
        return schema_of(AttributionRow)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "flows": [str(flow) for flow in self.flows],
            "methods": list(self.methods),
            "by": list(self.by),
            "window": str(self.window),
            "only_correct": self.only_correct,
            "steps": self.steps,
            "engine": self.engine.name,
        }

    def refuse(self, model: VideoLLM, encoder: Encoder) -> None:
        """Raise for a model without gradients, layers that it lacks, and a flow that no sample has."""
        check_differentiable(model)
        check_methods(model, self.methods)
        self.window.expand(model.n_layers)
        refuse_missing(encoder, lambda prompt: _missing(self.flows, prompt))

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        found = []
        for asked in group:
            try:
                found.append(self._record(model, asked))
            except NotFinite as reason:
                found.append(self.skip(asked.sample, str(reason)))
            on_done(1)
        return found

    def alone(self, method: str) -> CellEstimates:
        """The same by one method, whatever the model answers."""
        return dataclasses.replace(self, methods=(method,), only_correct=False)

    def cells(self, model: VideoLLM, flows: Sequence[Flow]) -> list[tuple[int, Cell]]:
        """All cells of these flows, with the number of the flow."""
        spans = self.window.expand(model.n_layers)
        return list(every_cell(flows, spans, as_heads(self.by, model.n_heads)))

    def exactly(self, model: VideoLLM, asked: Asked) -> dict[Cell, Exact]:
        """The exact knockouts of all cells."""
        flows = [flow for flow in self.flows if flow not in _missing(self.flows, asked.prompt)]
        return exact_effects(model, asked, [cell for _, cell in self.cells(model, flows)], self.engine)

    def _record(self, model: VideoLLM, asked: Asked) -> Record:
        verdict = judge(model, asked.sample, asked.prompt)
        if self.only_correct and not verdict.knows:
            return self.skip(asked.sample, UNKNOWN)
        missing = _missing(self.flows, asked.prompt)
        flows = [flow for flow in self.flows if flow not in missing]
        found = estimate(model, asked.prompt, flows, self.methods, steps=self.steps)
        if self.only_correct and not verdict.is_right(found.token_id):
            return self.skip(asked.sample, _WRONG)
        rows = list(self._rows(model, asked, flows, found, correct=verdict.is_right(found.token_id)))
        skipped = tuple(Skip(asked.sample.id, str(flow), str(error)) for flow, error in missing.items())
        return Record(table_of(rows, self.schema), None, skipped)

    def _rows(
        self, model: VideoLLM, asked: Asked, flows: Sequence[Flow], found: Estimates, *, correct: bool
    ) -> Iterator[AttributionRow]:
        cells = self.cells(model, flows)
        exact = self._cheap(model, asked, [cell for _, cell in cells]) if HYBRID in self.methods else {}
        for method in self.methods:
            for number, cell in cells:
                here = found.by_method[method][number, cell.span.first_layer - 1 : cell.span.last_layer]
                value = _sum(here if cell.head == ALL_HEADS else here[:, cell.head])
                known = exact.get(cell) if method == HYBRID else None
                percent = value if method in NAIVE else float(change_percent_of(found.log_odds, value))
                yield AttributionRow(
                    sample_id=asked.sample.id,
                    task=asked.sample.task,
                    flow=str(cell.flow),
                    layer=cell.span.layer,
                    head=cell.head,
                    method=method,
                    estimate=known.change_percent if known else percent,
                    status=VERIFIED if known else ESTIMATED,
                    change_percent=known.change_percent if known else np.nan,
                    estimate_log_odds=known.change_log_odds
                    if known
                    else np.nan
                    if method in NAIVE
                    else value,
                    change_log_odds=known.change_log_odds if known else np.nan,
                    p_base=float(expit(found.log_odds)),
                    correct_base=correct,
                    first_layer=cell.span.first_layer,
                    last_layer=cell.span.last_layer,
                )

    def _cheap(self, model: VideoLLM, asked: Asked, cells: Sequence[Cell]) -> dict[Cell, Exact]:
        """Exact knockouts of the flows that cut the last row alone: by reuse, one row is all that is run."""
        last = len(asked.prompt) - 1
        flows = {cell.flow for cell in cells}
        cheap = {flow for flow in flows if flow.edges(asked.prompt.layout).first_row == last}
        return exact_effects(model, asked, [cell for cell in cells if cell.flow in cheap], self.engine)


class ExactRow(NamedTuple):
    """The exact knockout of one cell of one sample."""

    sample_id: str
    flow: str
    first_layer: int
    last_layer: int
    head: int
    """From 0; -1: all heads."""
    change_percent: float
    change_log_odds: float


class Exact(NamedTuple):
    """What the exact knockout of one cell does."""

    change_percent: float
    change_log_odds: float


@dataclass(frozen=True, kw_only=True)
class ExactCells(Measurement):
    """Exact knockouts of chosen cells, which may be others in every sample."""

    name: ClassVar[str] = "attribution_exact"
    table: ClassVar[str] = "exact"

    cells: Mapping[str, tuple[Cell, ...]]
    """By sample."""
    engine: Engine

    @property
    def schema(self) -> pa.Schema:
        return schema_of(ExactRow)

    @property
    def settings(self) -> Mapping[str, Any]:
        listed = "\n".join(f"{name}: {cell.knockout}" for name, cells in self.cells.items() for cell in cells)
        return {"engine": self.engine.name, "cells": hashlib.sha256(listed.encode()).hexdigest()}

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        found = []
        for asked in group:
            cells = self.cells.get(asked.sample.id, ())
            effects = exact_effects(model, asked, cells, self.engine)
            rows = [
                ExactRow(asked.sample.id, str(cell.flow), *cell.span[1:], cell.head, *exact)
                for cell, exact in effects.items()
            ]
            found.append(Record(table_of(rows, self.schema)))
            on_done(1)
        return found


def exact_effects(model: VideoLLM, asked: Asked, cells: Sequence[Cell], engine: Engine) -> dict[Cell, Exact]:
    """The exact knockout of every cell, by the engine."""
    from workbench.engine import Request

    if not cells:
        return {}
    assert LOG_ODDS.readout is not None
    (found,) = engine.run(
        model,
        [
            Request(
                prompt=asked.prompt,
                interventions=[cell.knockout for cell in cells],
                readouts=[LOG_ODDS.readout(judge(model, asked.sample, asked.prompt))],
            )
        ],
    )
    p_base = float(found.baseline.p)
    return {
        cell: Exact(change_percent(float(one.p), p_base), one.measured[1])
        for cell, one in zip(cells, found.changed, strict=True)
    }


def _missing(flows: Sequence[Flow], prompt: Prompt) -> dict[Flow, WorkbenchError]:
    """The flows that this prompt does not have, each with the reason."""
    missing: dict[Flow, WorkbenchError] = {}
    for flow in flows:
        try:
            flow.edges(prompt.layout)
        except WorkbenchError as error:
            missing[flow] = error
    return missing


def _sum(values: np.ndarray) -> float:
    """Over layers and heads; heads that a layer lacks count nothing, and nothing at all is NaN."""
    return float(np.nansum(values)) if np.isfinite(values).any() else float("nan")
