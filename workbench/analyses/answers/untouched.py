"""What the untouched model answered to one sample, as a row of a run's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.measures.correctness import Judge
from workbench.runs import Asked, SampleRow

if TYPE_CHECKING:
    from workbench.engine import Outcomes
    from workbench.models import VideoLLM


def sample_row(model: VideoLLM, asked: Asked, verdict: Judge, outcomes: Outcomes) -> SampleRow:
    """The row, but for the time that the sample took, which the run fills in."""
    baseline, sample = outcomes.baseline, asked.sample
    token = model.token_text(baseline.token_id)
    return SampleRow(
        sample_id=sample.id,
        task=sample.task,
        token=token,
        p_base=float(baseline.p),
        answer=verdict.answer,
        predicted=verdict.name(baseline.token_id, token),
        correct=verdict.is_right(baseline.token_id),
        n_tokens=len(asked.prompt),
        seconds=0.0,
        noise_percent=outcomes.noise_percent,
        peak_gb=None if outcomes.peak_bytes is None else outcomes.peak_bytes / 1e9,
    )
