"""Accuracy: how many questions the untouched model answers correctly, task by task and over all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.analyses.answers.asking import FirstAnswers, LikeliestOptions, WrittenAnswers
from workbench.analyses.answers.scored import Accuracy, scored
from workbench.data import as_samples
from workbench.errors import RunError, near_matches, shown
from workbench.measures.scoring import get_scoring
from workbench.runs import Measurement, measure_samples

if TYPE_CHECKING:
    from workbench.data import Sample, Samples
    from workbench.models import VideoLLM
    from workbench.prompts.assembly import Separators
    from workbench.video import Sampling

FIRST_TOKEN, LIKELIHOOD, GENERATION = WAYS = ("first_token", "likelihood", "generation")
"""How an answer is taken."""


def accuracy(
    model: VideoLLM,
    samples: Samples | Sequence[Sample],
    *,
    ask: str = FIRST_TOKEN,
    max_new_tokens: int = 16,
    scoring: str = "workbench",
    out: Path | str | None = None,
    style: str | None = None,
    separators: Separators | None = None,
    frames: Sampling | int | str | None = None,
    batch: int = 8,
    progress: bool = True,
) -> Accuracy:
    """Ask the untouched model every question once, and compare its answer with the truth.

    Args:
        ask: "first_token", the token that the model ranks first among all; "likelihood", the letter that it
            ranks first among the options'; "generation", what it writes, read by `scoring`.
        max_new_tokens: how long written answers may be.
        scoring: the rule that reads a letter out of a written answer: "workbench", or that of a task of
            lmms-eval ("lmms_tvbench", ..; `workbench.measures.SCORINGS` has all).
        out: a folder for the results, written as they come; a run that was stopped goes on from there.
        style, separators, frames: as in `sweep`.
        batch: questions a forward, where their prompts have the same length; written ones in any case.
        progress: show a bar with the time left, where somebody can see it.

    A sample that cannot be used, or whose answer is not known, is skipped and listed. Raises RunError where
    none can be used, for another `ask` or `scoring`, for a scoring that `ask` makes no use of, and where
    `out` holds a run with other settings.
    """
    samples = as_samples(samples)
    found = measure_samples(
        model,
        samples,
        asking(ask, batch=batch, max_new_tokens=max_new_tokens, scoring=scoring),
        out=out,
        style=style,
        separators=separators,
        frames=frames,
        progress=progress,
    )
    answers = found.samples if ask == FIRST_TOKEN else found.table
    return scored(answers, samples, found, ask=ask)


def asking(ask: str, *, batch: int, max_new_tokens: int, scoring: str) -> Measurement:
    """What is measured of every sample. Raises RunError for arguments that `accuracy` does not know."""
    if ask not in WAYS:
        raise RunError(
            f"ask={shown(ask)} is no way to take an answer.{near_matches(ask, WAYS)} Give one of: "
            f"{', '.join(WAYS)}."
        )
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise RunError(f"batch={batch!r}: give the number of questions a forward, a whole number from 1.")
    if ask == GENERATION:
        if isinstance(max_new_tokens, bool) or not isinstance(max_new_tokens, int) or max_new_tokens < 1:
            raise RunError(f"max_new_tokens={max_new_tokens!r} leaves nothing to say. Give 1 or more.")
        get_scoring(scoring)
        return WrittenAnswers(batch=batch, max_new_tokens=max_new_tokens, scoring=scoring)
    if scoring != "workbench":
        raise RunError(f'scoring={shown(scoring)} reads written answers: give ask="{GENERATION}" with it.')
    return LikeliestOptions(batch=batch) if ask == LIKELIHOOD else FirstAnswers(batch=batch)
