"""Sweeps: cut every flow in every layer range, on every sample, and see what the answer loses.

The measure is Map the Flow's (section 2.2, appendix H): p_base is the highest probability at the last prompt
position, p_knockout the probability of the same token after the cut, both by a softmax in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import pyarrow as pa

from workbench.analyses.answers.untouched import sample_row
from workbench.analyses.sweep.cells import Cell, make_cells, refuse_missing
from workbench.errors import RunError, WorkbenchError
from workbench.interventions import Flow, Removal, Window, as_flows, as_windows, scaled_window
from workbench.interventions.existing import Existing
from workbench.measures import Measure, as_measures
from workbench.measures.correctness import UNKNOWN, Judge, judge
from workbench.measures.edges import with_edges
from workbench.measures.probability import change_percent
from workbench.runs import (
    Asked,
    Done,
    Effect,
    Encoder,
    Measurement,
    Record,
    Run,
    Skip,
    as_run,
    as_seed,
    effects_schema,
    measure_samples,
    table_of,
)

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.engine import Baseline, Engine, Outcome, Outcomes, Request
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.prompts.prompt import Prompt
    from workbench.video import Sampling

NOISE_SAMPLES = 5
"""The noise floor is measured on this many samples of a run, its first."""


class NothingCorrect(RunError):
    """The model answers no sample correctly, so nothing was cut. `run` holds its answers."""

    def __init__(self, run: Run) -> None:
        super().__init__(
            f"The model answers none of the {len(run.samples)} samples correctly, so nothing was cut. "
            "Pass only_correct=False to keep all samples, or try another prompt style."
        )
        self.run = run


def sweep(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    flows: Flow | str | Sequence[Flow | str],
    windows: Window | str | Sequence[Window | str] | None = None,
    *,
    only_correct: bool = True,
    engine: str | Engine = "incremental",
    measures: str | Sequence[str] = (),
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Run:
    """Cut every flow in every range of every window, on every sample.

    Args:
        windows: None is the paper's centred(9), scaled to the depth of models under 24 layers.
        only_correct: keep to the samples that the untouched model answers correctly, as Map the Flow does.
        engine: how knockouts are run. "incremental" computes only what a cut changes; "incremental-float32"
            too, with residual stream, softmax and logits in float32 around weights of less;
            "reference" runs one forward a knockout. All give the same table, up to rounding.
        measures: what else is read off every knockout, names of `workbench.measures.MEASURES`: "log_odds",
            "logit_difference" and "kl" go on where p_base is near 1 and change_percent saturates. Their
            columns stand behind those of the probability.
        out: a folder for the results, written sample by sample. Where it holds a part of this run already
            (it was stopped, or killed), the run goes on from there. None keeps everything in memory.
        style: how the question is put, a name of `workbench.prompts.STYLES`; None is "mvbench" for samples
            with options and "open" for those without.
        separators: what is counted to a frame beside its own rows, as in `encode`; the model family's choice.
        frames: how the clip's frames are chosen, for example 16 or "uniform(32)"; None is 8 midpoints.
        seed: draws the bootstrap bands of the run's figures; written into the manifest.
        progress: show a bar with the time left, where somebody can see it.

    A sample whose clip, annotation or prompt cannot be used is skipped and listed in `run.skipped`; so is a
    flow that a sample's prompt does not have and, with only_correct, a sample whose answer is not known.
    Raises RunError where no sample can be used, a flow exists in none of them, a measure does not exist, or
    `out` holds a run with other settings; FlowError and WindowError for what cannot be read.
    """
    from workbench.engine import get_engine  # needs torch, which reading a run does not

    prompting: dict[str, Any] = {"style": style, "separators": separators, "frames": frames}
    measurement = KnockoutSweep(
        flows=as_flows(flows),
        windows=as_windows(scaled_window(model.n_layers) if windows is None else windows),
        only_correct=only_correct,
        engine=get_engine(engine),
        measures=with_edges(as_measures(measures), model),
        seed=as_seed(seed),
    )
    run = as_run(measure_samples(model, samples, measurement, out=out, progress=progress, **prompting))
    if run.table.empty and only_correct:
        raise NothingCorrect(run)
    return run


@dataclass(frozen=True, kw_only=True)
class KnockoutSweep(Measurement):
    """The untouched model, then every knockout."""

    name: ClassVar[str] = "sweep"
    table: ClassVar[str] = "effects"
    unit: ClassVar[str] = "knockouts"
    keeps_samples: ClassVar[bool] = True

    flows: tuple[Removal, ...]
    windows: tuple[Window, ...]
    only_correct: bool
    engine: Engine
    measures: tuple[Measure, ...]
    """The probability first: every engine gives it."""
    seed: int

    @property
    def schema(self) -> pa.Schema:
        return effects_schema(column for measure in self.measures[1:] for column in measure.columns)

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "flows": [str(flow) for flow in self.flows],
            "windows": [str(window) for window in self.windows],
            "only_correct": self.only_correct,
            "engine": self.engine.name,
            "seed": self.seed,
            # Named only where there are others, so that runs begun before there were any go on.
            **({"measures": [measure.name for measure in self.measures]} if self.measures[1:] else {}),
        }

    def flows_of(self, prompt: Prompt) -> tuple[Removal, ...]:
        """What is cut in one prompt: the same in all, unless a subclass knows better."""
        return self.flows

    def cells(self, model: VideoLLM, prompt: Prompt | None = None) -> tuple[Cell, ...]:
        """What is cut, in one prompt or in any, in the order of the table. Raises WindowError for layers that
        the model lacks."""
        flows = self.flows if prompt is None else self.flows_of(prompt)
        return make_cells(flows, self.windows, model.n_layers)

    def units(self, model: VideoLLM) -> int:
        """Knockouts of one sample. Ranges that are the same in two windows run once."""
        return len({cell.knockout for cell in self.cells(model)})

    def refuse(self, model: VideoLLM, encoder: Encoder) -> None:
        """Raise for layers that the model lacks, and for a flow that no sample has."""
        self.cells(model)
        refuse_missing(encoder, lambda prompt: self._missing(model, prompt))

    def at_once(self, model: VideoLLM, first: Asked) -> int:
        """As many samples like the first as the engine runs together."""
        return self.engine.at_once(model, self._cut(model, first, noise=False).request)

    def measure(self, model: VideoLLM, group: Sequence[Asked], on_done: Done) -> list[Record]:
        noisy = "float32" not in str(model.dtype)  # there, rounding moves nothing that is worth knowing
        cuts = [self._cut(model, asked, noise=noisy and asked.position < NOISE_SAMPLES) for asked in group]
        # Where correctness counts, samples whose answer is not known are not run at all.
        runs = [cut.judge.knows or not self.only_correct for cut in cuts]
        found = iter(self.engine.run(model, list(compress([cut.request for cut in cuts], runs)), on_done))
        return [
            self._record(model, asked, cut, next(found)) if run else self.skip(asked.sample, UNKNOWN)
            for asked, cut, run in zip(group, cuts, runs, strict=True)
        ]

    def _missing(self, model: VideoLLM, prompt: Prompt) -> dict[Removal, WorkbenchError]:
        """The flows that this prompt, or this model, does not have, each with the reason."""
        from workbench.engine.recurrent import check_cut

        missing: dict[Removal, WorkbenchError] = {}
        for flow in self.flows_of(prompt):
            try:
                check_cut(model, flow, self.windows, prompt.layout)
            except WorkbenchError as error:
                missing[flow] = error
        return missing

    def _cut(self, model: VideoLLM, asked: Asked, *, noise: bool) -> _Cut:
        from workbench.engine import Request

        verdict = judge(model, asked.sample, asked.prompt)
        missing = self._missing(model, asked.prompt)
        request = Request(
            prompt=asked.prompt,
            # Two windows can share a range, and clipped ones often do: each knockout runs once.
            interventions=list(
                dict.fromkeys(
                    cell.knockout for cell in self.cells(model, asked.prompt) if cell.flow not in missing
                )
            ),
            wanted=verdict.is_right if self.only_correct else None,
            noise=noise,
            readouts=[measure.readout(verdict) for measure in self.measures if measure.readout is not None],
        )
        return _Cut(verdict, missing, request)

    def _record(self, model: VideoLLM, asked: Asked, cut: _Cut, outcomes: Outcomes) -> Record:
        counts = cut.judge.is_right(outcomes.baseline.token_id) or not self.only_correct
        rows = self._rows(model, asked.sample, cut, outcomes) if counts else ()
        lacking = cut.missing.items() if counts else ()
        return Record(
            rows=table_of(rows, self.schema),
            sample=sample_row(model, asked, cut.judge, outcomes),
            skipped=tuple(Skip(asked.sample.id, str(flow), str(error)) for flow, error in lacking),
        )

    def _rows(
        self, model: VideoLLM, sample: Sample, cut: _Cut, outcomes: Outcomes
    ) -> Iterator[tuple[Any, ...]]:
        baseline = outcomes.baseline
        by_knockout = dict(zip(cut.request.interventions, outcomes.changed, strict=True))
        token = model.token_text(baseline.token_id)
        existing = Existing(cut.request.prompt.layout, outcomes.own_masks)
        for cell in self.cells(model, cut.request.prompt):
            if cell.flow not in cut.missing:
                outcome = by_knockout[cell.knockout]
                effect = _effect(sample, cell, token, baseline, outcome, cut.judge)
                edges = [
                    existing.percent(cell.knockout.layers(model.n_layers))
                    for measure in self.measures
                    if measure.of_masks
                ]
                yield *effect, *outcome.measured, *edges


class _Cut(NamedTuple):
    """What is put to the engine for one sample, and what is needed to read its answer."""

    judge: Judge
    missing: dict[Removal, WorkbenchError]
    request: Request


def _effect(
    sample: Sample, cell: Cell, token: str, baseline: Baseline, outcome: Outcome, verdict: Judge
) -> Effect:
    """One row of the table."""
    p_base, p = float(baseline.p), float(outcome.p)
    return Effect(
        sample_id=sample.id,
        task=sample.task,
        flow=str(cell.flow),
        window=str(cell.window),
        layer=cell.span.layer,
        first_layer=cell.span.first_layer,
        last_layer=cell.span.last_layer,
        token=token,
        p_base=p_base,
        p_knockout=p,
        change_percent=change_percent(p, p_base),
        correct_base=verdict.is_right(baseline.token_id),
        correct_knockout=verdict.is_right(outcome.top_id),
    )
