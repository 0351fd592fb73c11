"""Accuracy drop: counted by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.analyses.sweep.drops import DROP_COLUMNS, accuracy_drop
from workbench.errors import RunError
from workbench.statistics.proportions import wilson


def table(flips: dict[tuple[str, str], list[bool]], *, base: bool = True) -> pd.DataFrame:
    """A sweep's rows: task and window -> whether each sample is still right after the cut."""
    return pd.DataFrame(
        [
            {
                "sample_id": f"{task}/{number}",
                "task": task,
                "flow": "frames -> later frames",
                "window": window,
                "layer": 0,
                "first_layer": 1,
                "last_layer": 6,
                "correct_base": base,
                "correct_knockout": right,
            }
            for (task, window), answers in flips.items()
            for number, right in enumerate(answers)
        ]
    )


def test_flips_are_counted_by_task_and_window() -> None:
    right = table(
        {
            ("b", "first_half()"): [False, False, True, False],
            ("b", "second_half()"): [True] * 4,
            ("a", "first_half()"): [True, False],
            ("a", "second_half()"): [False, False],
        }
    )
    # Samples that were wrong to begin with do not enter, whatever the cut makes of them.
    wrong = table({("b", "first_half()"): [True, False]}, base=False)
    drops = accuracy_drop(pd.concat([wrong, right]))
    assert list(drops.columns) == DROP_COLUMNS
    assert drops[["task", "window", "correct", "flips", "drop_percent"]].values.tolist() == [
        ["b", "first_half()", 4, 3, 75.0],
        ["b", "second_half()", 4, 0, 0.0],
        ["a", "first_half()", 2, 1, 50.0],
        ["a", "second_half()", 2, 2, 100.0],
    ]
    share = wilson(3, 4)
    first = drops.to_dict("records")[0]
    assert first["low_percent"] == pytest.approx(100 * share.low)
    assert first["high_percent"] == pytest.approx(100 * share.high)


def test_tables_without_right_answers_are_refused() -> None:
    with pytest.raises(RunError, match="No sample was answered correctly"):
        accuracy_drop(table({("a", "first_half()"): [False]}, base=False))
    with pytest.raises(RunError, match="lacks the column correct_base"):
        accuracy_drop(table({("a", "first_half()"): [False]}).drop(columns="correct_base"))
