"""The rule, on models that are written out: what each rests on is known, and is what the verdict says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from workbench.analyses.use_of_time import (
    PRIOR,
    STATIC,
    UNDECIDED,
    USES_TIME,
    FactRow,
    rule,
    task_table,
    verdict_table,
)
from workbench.analyses.use_of_time.shown import APART, HIDDEN, RANDOM, interrogate
from workbench.errors import RunError
from workbench.video import Clip

Model = Callable[[Sequence[int] | None], str]
"""Numbers that frames show, None without video -> a letter."""
FRAMES = 8
CLIP = tuple(range(1, FRAMES + 1))
"""Rises, above a backdrop of tens that stays."""


def clip_of(numbers: Sequence[int]) -> Clip:
    frames = np.broadcast_to(np.array(numbers, np.uint8)[:, None, None, None], (len(numbers), 2, 2, 3))
    return Clip(frames=frames.copy(), timestamps=np.arange(len(numbers), dtype=float))


def facts(
    model: Model, sample_id: str = "t/1", *, apart: str | None = None, random: str | None = None
) -> pd.DataFrame:
    """Facts about a model; `apart` and `random` are what it answers under these cuts, as before if None."""
    answer = model(CLIP)
    others = [clip_of([10 * tens + 9 - frame for frame in CLIP]) for tens in (1, 2, 3, 4)]
    said = [("untouched", "", 0, answer), ("no video", HIDDEN, 0, model(None))]
    said += [("frames apart", APART, 0, apart or answer), ("random edges 1", RANDOM, 0, random or answer)]

    def ask(clip: Clip) -> str:
        return model([int(number) for number in clip.frames[:, 0, 0, 0]])

    asked = interrogate(
        clip_of(CLIP), sample_id, others, ask, lambda letter: letter == answer, shuffles=4, seed=0
    )
    said += [(one.name, one.kind, one.frame, letter) for one, letter in asked]
    rows = [
        FactRow(sample_id, "t", fact, kind, frame, 4, "A", answer, letter, 1.0, letter == answer)
        for fact, kind, frame, letter in said
    ]
    return pd.DataFrame(rows, columns=pd.Index(FactRow._fields))


def prior(numbers: Sequence[int] | None) -> str:
    return "B" if numbers is None else "C"


def background(numbers: Sequence[int] | None) -> str:
    return "D" if numbers is None else "ABCD"[sum(numbers) // len(numbers) // 10 % 4]


def last_frame(numbers: Sequence[int] | None) -> str:
    return "D" if numbers is None else "ABC"[numbers[-1] % 3]


def first_frame(numbers: Sequence[int] | None) -> str:
    return "D" if numbers is None else "ABC"[numbers[0] % 3]


def order(numbers: Sequence[int] | None) -> str:
    steps = 0 if numbers is None else sum(np.sign(np.diff(numbers)))
    return "A" if steps > 3 else "B" if steps < -3 else "C"


def change(numbers: Sequence[int] | None) -> str:
    return "A" if numbers is not None and len(set(numbers)) > 1 else "B"


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        (prior, PRIOR),
        (background, STATIC),
        (last_frame, STATIC),
        (first_frame, STATIC),
        (order, USES_TIME),
    ],
)
def test_the_verdict_says_what_the_model_rests_on(model: Model, verdict: str) -> None:
    found = [rule(facts(model, f"t/{number}")) for number in range(20)]
    assert [one.verdict for one in found] == [verdict] * 20
    if model is last_frame:
        assert "frame 8" in found[0].because
    if model is first_frame:
        assert "frame 1" in found[0].because


def test_a_comparison_without_order_is_told_by_the_cut() -> None:
    def seen(numbers: Sequence[int] | None) -> str:
        return "A" if numbers is not None and max(numbers) > 9 else change(numbers)

    assert rule(facts(seen, apart="B")).verdict == USES_TIME
    assert rule(facts(seen)).verdict == UNDECIDED, "the cut changes nothing"
    assert rule(facts(seen, apart="B", random="B")).verdict == UNDECIDED, "so do random edges"


def test_orders_that_change_it_where_the_reversal_does_not_are_undecided() -> None:
    def symmetric(numbers: Sequence[int] | None) -> str:
        return "A" if numbers is not None and abs(sum(np.sign(np.diff(numbers)))) > 3 else "B"

    assert rule(facts(symmetric)).verdict == UNDECIDED


def test_tables_count_facts_and_samples() -> None:
    table = pd.concat([facts(model, f"t/{place}") for place, model in enumerate([prior, order, order])])
    verdicts = verdict_table(table)
    assert verdicts["verdict"].tolist() == [PRIOR, USES_TIME, USES_TIME]
    assert verdicts["order"].tolist() == [5, 5, 5]
    assert verdicts["order_kept"].tolist() == [5, 0, 0]
    assert verdicts["content"].tolist() == [4, 4, 4]
    tasks = task_table(verdicts).set_index("verdict")
    assert tasks["samples"].to_dict() == {USES_TIME: 2, PRIOR: 1, STATIC: 0, UNDECIDED: 0}
    assert set(tasks["task_verdict"]) == {UNDECIDED}, "two of three are not clearly most"
    many = pd.concat([verdicts.loc[verdicts["verdict"] == USES_TIME]] * 10)
    assert set(task_table(many)["task_verdict"]) == {USES_TIME}


def test_tables_refuse_what_they_cannot_read() -> None:
    with pytest.raises(RunError, match="use_of_time"):
        verdict_table(pd.DataFrame({"sample_id": ["a"]}))
    with pytest.raises(RunError, match="more samples"):
        task_table(verdict_table(facts(prior)).head(0))
