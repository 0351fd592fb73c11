"""What the samples of a sweep are put through: the untouched model, then every knockout."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.errors import WorkbenchError
from workbench.interventions import Flow, Knockout, LayerSpan, Window, check_flows
from workbench.measures.correctness import UNKNOWN, Judge, judge
from workbench.runs import Effect, Record, SampleRow, Skip, effects_table

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.engine import Baseline, Engine, Outcome, Outcomes, Request
    from workbench.models import Prompt, VideoLLM
    from workbench.video import Sampling


NOISE_SAMPLES = 5
"""The noise floor is measured on this many samples of a run, its first."""


class Cell(NamedTuple):
    """One point of the sweep: a flow, cut in one range of one window."""

    flow: Flow
    window: Window
    span: LayerSpan
    knockout: Knockout


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a sweep does to each sample."""

    model: VideoLLM
    engine: Engine
    flows: tuple[Flow, ...]
    cells: tuple[Cell, ...]
    """In the order of the table: flow by flow, window by window, layer by layer."""
    only_correct: bool
    style: str | None
    frames: Any

    @property
    def measures_noise(self) -> bool:
        """Whether rounding can move a probability by something worth knowing."""
        return "float32" not in str(self.model.dtype)

    @property
    def forwards(self) -> int:
        """Knockouts that one sample needs. Ranges that are the same in two windows run once."""
        return len({cell.knockout for cell in self.cells})

    def encode(self, sample: Sample) -> Prompt:
        """The sample as a prompt of this sweep. Raises WorkbenchError where it cannot be used."""
        return self.model.encode(sample, frames=self.frames, style=self.style)

    def at_once(self, sample: Sample) -> int:
        """How many samples like this one the engine runs together. Raises WorkbenchError as `encode`."""
        return self.engine.at_once(self.model, _ask(self, sample, noise=False).request)

    def missing_flows(self, prompt: Prompt) -> dict[Flow, WorkbenchError]:
        """The flows that this prompt does not have, each with the reason."""
        missing: dict[Flow, WorkbenchError] = {}
        for flow in self.flows:
            try:
                check_flows([flow], prompt.layout, self.model.n_heads)
            except WorkbenchError as error:
                missing[flow] = error
        return missing


def read_frames(frames: Sampling | int | str | None) -> Sampling | int | None:
    """How frames are chosen, from text where it is text. Raises ClipError where it cannot be read."""
    from workbench.video import parse_sampling

    return parse_sampling(frames) if isinstance(frames, str) else frames


def make_cells(flows: Sequence[Flow], windows: Sequence[Window], n_layers: int) -> tuple[Cell, ...]:
    """Every flow in every range of every window. Raises WindowError for layers that the model lacks."""
    spans = [(window, span) for window in windows for span in window.expand(n_layers)]
    return tuple(
        Cell(flow, window, span, Knockout.of(flow, span)) for flow in flows for window, span in spans
    )


def measure(plan: Plan, samples: Mapping[int, Sample], on_done: Callable[[int], object]) -> dict[int, Record]:
    """The records of a few samples, by position, run together; `on_done(n)` is called when n more knockouts
    are done.

    A sample that cannot be encoded gives a record that says why. Any other exception passes, with the ids of
    the samples in its notes.
    """
    begun = time.perf_counter()
    asked: dict[int, _Asked] = {}
    records: dict[int, Record] = {}
    for position, sample in samples.items():
        try:
            asked[position] = _ask(plan, sample, noise=plan.measures_noise and position < NOISE_SAMPLES)
        except WorkbenchError as error:
            records[position] = Record(None, effects_table(()), (Skip(sample.id, "", str(error)),))
            continue
        if plan.only_correct and not asked[position].judge.knows:
            del asked[position]
            records[position] = Record(None, effects_table(()), (Skip(sample.id, "", UNKNOWN),))
    try:
        found = plan.engine.run(plan.model, [one.request for one in asked.values()], on_done)
    except Exception as error:
        named = ", ".join(f"{samples[position].id!r} ({samples[position].video})" for position in asked)
        error.add_note(f"This happened on {'sample' if len(asked) == 1 else 'the samples'} {named}.")
        raise
    seconds = (time.perf_counter() - begun) / len(samples)
    for (position, one), outcomes in zip(asked.items(), found, strict=True):
        records[position] = _record(plan, samples[position], one, outcomes, seconds)
    return records


class _Asked(NamedTuple):
    """One sample, put to the engine."""

    prompt: Prompt
    judge: Judge
    missing: dict[Flow, WorkbenchError]
    request: Request


def _ask(plan: Plan, sample: Sample, *, noise: bool) -> _Asked:
    from workbench.engine import Request

    prompt = plan.encode(sample)
    verdict = judge(plan.model, sample, prompt)
    missing = plan.missing_flows(prompt)
    request = Request(
        prompt=prompt,
        # Two windows can share a range, and clipped ones often do: each knockout runs once.
        knockouts=list(dict.fromkeys(cell.knockout for cell in plan.cells if cell.flow not in missing)),
        wanted=verdict.is_right if plan.only_correct else None,
        noise=noise,
    )
    return _Asked(prompt, verdict, missing, request)


def _record(plan: Plan, sample: Sample, asked: _Asked, outcomes: Outcomes, seconds: float) -> Record:
    baseline, model = outcomes.baseline, plan.model
    counts = asked.judge.is_right(baseline.token_id) or not plan.only_correct
    rows: list[Effect] = []
    if counts:
        by_knockout = dict(zip(asked.request.knockouts, outcomes.knockouts, strict=True))
        token = model.token_text(baseline.token_id)
        rows = [
            effect(sample, cell, token, baseline, by_knockout[cell.knockout], asked.judge)
            for cell in plan.cells
            if cell.flow not in asked.missing
        ]
    row = sample_row(model, sample, asked.prompt, asked.judge, outcomes, seconds)
    lacking = asked.missing.items() if counts else ()
    skipped = tuple(Skip(sample.id, str(flow), str(error)) for flow, error in lacking)
    return Record(row, effects_table(rows), skipped)


def effect(
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
        change_percent=(p - p_base) / p_base * 100,
        correct_base=verdict.is_right(baseline.token_id),
        correct_knockout=verdict.is_right(outcome.top_id),
    )


def sample_row(
    model: VideoLLM, sample: Sample, prompt: Prompt, verdict: Judge, outcomes: Outcomes, seconds: float
) -> SampleRow:
    """What the untouched model answered to one sample."""
    baseline = outcomes.baseline
    token = model.token_text(baseline.token_id)
    return SampleRow(
        sample_id=sample.id,
        task=sample.task,
        token=token,
        p_base=float(baseline.p),
        answer=verdict.answer,
        predicted=verdict.name(baseline.token_id, token),
        correct=verdict.is_right(baseline.token_id),
        n_tokens=len(prompt),
        seconds=seconds,
        noise_percent=outcomes.noise_percent,
        peak_gb=None if outcomes.peak_bytes is None else outcomes.peak_bytes / 1e9,
    )
