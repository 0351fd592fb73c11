"""What one sample of a sweep is put through: the untouched model, then every knockout."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.analyses.judging import UNKNOWN, Judge, judge
from workbench.errors import PromptError, WorkbenchError, near_matches
from workbench.interventions import Flow, Knockout, LayerSpan, Window, check_flows
from workbench.results import Effect, Record, SampleRow, Skip, effects_table

if TYPE_CHECKING:
    from workbench.data import Sample
    from workbench.engine import Baseline, Engine, Outcome
    from workbench.models import Prompt, VideoLLM
    from workbench.video import Sampling


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
    def forwards(self) -> int:
        """Knockouts that one sample needs. Ranges that are the same in two windows run once."""
        return len({cell.knockout for cell in self.cells})

    def encode(self, sample: Sample) -> Prompt:
        """The sample as a prompt of this sweep. Raises WorkbenchError where it cannot be used."""
        return self.model.encode(sample, frames=self.frames, style=self.style)

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


def check_style(style: str | None) -> None:
    """Raises PromptError for a prompt style that does not exist, before every sample fails on it."""
    from workbench.data import STYLES

    if style is not None and style not in STYLES:
        raise PromptError(
            f"There is no prompt style {style!r}.{near_matches(style, STYLES)} Styles: {', '.join(STYLES)}."
        )


def make_cells(flows: Sequence[Flow], windows: Sequence[Window], n_layers: int) -> tuple[Cell, ...]:
    """Every flow in every range of every window. Raises WindowError for layers that the model lacks."""
    spans = [(window, span) for window in windows for span in window.expand(n_layers)]
    return tuple(
        Cell(flow, window, span, Knockout.of(flow, span)) for flow in flows for window, span in spans
    )


def measure(plan: Plan, sample: Sample, on_done: Callable[[int], object]) -> Record:
    """One sample's record; `on_done(n)` is called when n more knockouts are done.

    A sample that cannot be encoded gives a record that says why. Any other exception passes, with the id of
    the sample in its notes.
    """
    begun = time.perf_counter()
    try:
        prompt = plan.encode(sample)
    except WorkbenchError as error:
        return Record(None, effects_table(()), (Skip(sample.id, "", str(error)),))
    try:
        return _measure_prompt(plan, sample, prompt, begun, on_done)
    except Exception as error:
        error.add_note(f"This happened on sample {sample.id!r} ({sample.video}).")
        raise


def _measure_prompt(
    plan: Plan, sample: Sample, prompt: Prompt, begun: float, on_done: Callable[[int], object]
) -> Record:
    model = plan.model
    verdict = judge(model, sample, prompt)
    if plan.only_correct and not verdict.knows:
        return Record(None, effects_table(()), (Skip(sample.id, "", UNKNOWN),))
    baseline = plan.engine.outcomes(model, prompt, []).baseline
    missing: dict[Flow, WorkbenchError] = {}
    rows: list[Effect] = []
    if verdict.is_right(baseline.token_id) or not plan.only_correct:
        missing = plan.missing_flows(prompt)
        cells = [cell for cell in plan.cells if cell.flow not in missing]
        # Two windows can share a range, and clipped ones often do: each knockout runs once.
        distinct = list(dict.fromkeys(cell.knockout for cell in cells))
        if distinct:
            baseline, results = plan.engine.outcomes(
                model, prompt, distinct, token_id=baseline.token_id, on_done=on_done
            )
            outcomes = dict(zip(distinct, results, strict=True))
            token = model.token_text(baseline.token_id)
            rows = [effect(sample, cell, token, baseline, outcomes[cell.knockout], verdict) for cell in cells]
    row = sample_row(model, sample, prompt, verdict, baseline, time.perf_counter() - begun)
    skipped = tuple(Skip(sample.id, str(flow), str(error)) for flow, error in missing.items())
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
    model: VideoLLM, sample: Sample, prompt: Prompt, verdict: Judge, baseline: Baseline, seconds: float
) -> SampleRow:
    """What the untouched model answered to one sample."""
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
    )
