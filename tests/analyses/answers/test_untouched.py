"""What the untouched model answered, as a row: its letter, whether it is right, and what was measured."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analyses.stand_in import StandInModel, questions
from workbench.analyses.answers.untouched import sample_row
from workbench.engine import Baseline, Outcomes
from workbench.measures.correctness import Judge, judge
from workbench.runs import Asked

MODEL: Any = StandInModel()


def row(token_id: int, *, answer: int | None = 0, verdict: Judge | None = None, **measured: Any) -> Any:
    (sample,) = questions(0 if answer is None else answer)
    prompt = MODEL.encode(sample)
    verdict = verdict or judge(MODEL, sample, prompt)
    return sample_row(
        MODEL, Asked(0, sample, prompt), verdict, Outcomes(Baseline(token_id, 0.25), [], **measured)
    )


@pytest.mark.parametrize(
    ("token_id", "answer", "predicted", "correct"),
    [(1, 0, "A", True), (2, 0, "B", False), (2, 1, "B", True), (4, 0, "left", False), (6, 0, "", False)],
)
def test_a_token_is_named_by_its_letter_and_judged(
    token_id: int, answer: int, predicted: str, correct: bool
) -> None:
    found = row(token_id, answer=answer)
    assert (found.sample_id, found.task, found.n_tokens, found.p_base) == (
        "direction/0",
        "direction",
        10,
        0.25,
    )
    assert (found.answer, found.predicted, found.correct) == ("AB"[answer], predicted, correct)
    assert found.token == MODEL.token_text(token_id)


def test_nothing_is_correct_where_the_truth_is_not_known() -> None:
    assert not row(1, verdict=Judge(answer="", right=frozenset(), letters={1: "A"})).correct


def test_what_was_not_measured_is_empty_and_memory_is_in_gigabytes() -> None:
    assert (row(1).noise_percent, row(1).peak_gb) == (None, None)
    found = row(1, noise_percent=0.5, peak_bytes=3_000_000_000)
    assert (found.noise_percent, found.peak_gb) == (0.5, 3.0)
