from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.errors import RunError
from workbench.statistics.proportions import Share, agresti_min, share_of, share_table, wilson


def test_wilson_against_a_table() -> None:
    # Wilson's interval for 9 of 10, as in Brown, Cai and DasGupta (2001), computed by hand.
    z = 1.959963984540054
    centre = (0.9 + z**2 / 20) / (1 + z**2 / 10)
    half = z / (1 + z**2 / 10) * np.sqrt(0.9 * 0.1 / 10 + z**2 / 400)
    assert wilson(9, 10) == pytest.approx((0.9, centre - half, centre + half, 10))
    assert wilson(5, 5).high == 1.0
    assert 0.4 < wilson(5, 5).low < 0.7
    assert wilson(0, 0).n == 0


@pytest.mark.parametrize(("correct", "n"), [(3, 2), (-1, 4)])
def test_wilson_refuses_what_is_no_share(correct: int, n: int) -> None:
    with pytest.raises(RunError, match=f"{correct} correct out of {n}"):
        wilson(correct, n)


def test_paired_shares_by_hand() -> None:
    # 6 lost and 2 won of 20: Agresti and Min add half a sample to each of the two kinds of change.
    found = agresti_min([1] * 6 + [-1] * 2 + [0] * 12)
    n, lost, won = 22, 6.5, 2.5
    centre = (lost - won) / n
    half = 1.96 * np.sqrt((lost + won) / n - centre**2) / np.sqrt(n)
    assert found == pytest.approx((4 / 20, centre - half, centre + half, 20))
    turned = agresti_min([-1] * 6 + [1] * 2 + [0] * 12)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_where_nothing_changes_more_samples_still_narrow_the_interval() -> None:
    few, many = agresti_min(np.zeros(5)), agresti_min(np.zeros(500))
    assert few.mean == many.mean == 0
    assert few.low < many.low < 0 < many.high < few.high
    assert agresti_min(np.ones(3)).high == 1.0


def test_a_share_in_percent() -> None:
    interval = wilson(3, 4)
    assert share_of([True, True, False, True]) == Share(4, 3, 75.0, 100 * interval.low, 100 * interval.high)
    assert share_of([]).samples == 0
    assert np.isnan(share_of([]).accuracy_percent)


def test_a_row_a_task_and_every_model_has_every_task() -> None:
    samples = pd.DataFrame({"task": ["b", "a", "b"], "correct": [True, False, False]})
    table = share_table(samples)
    assert list(table.columns) == ["task", *Share._fields]
    assert table["task"].tolist() == ["b", "a"]
    assert table["correct"].tolist() == [1, 0]
    two = share_table(samples.assign(model=["m", "m", "k"]))
    assert list(zip(two["model"], two["task"], two["samples"], strict=True)) == [
        ("m", "b", 1), ("m", "a", 1), ("k", "b", 1), ("k", "a", 0)
    ]  # fmt: skip
    with pytest.raises(RunError, match="lacks the column correct; it has task"):
        share_table(samples.drop(columns="correct"))
