from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from workbench.errors import RunError
from workbench.statistics.proportions import Share, difference_of_shares, share_of, share_table, wilson


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
    # 6 lost and 2 won of 20, with the Wilson limits of 6 of 20 and 2 of 20, as any table of them has it.
    found = difference_of_shares([1] * 6 + [-1] * 2 + [0] * 12)
    lost, won = (0.3, 0.1455, 0.5190), (0.1, 0.0279, 0.3010)
    linked = -np.sqrt(0.3 * 0.1 / (0.7 * 0.9))  # shares that exclude each other correlate
    below, above = (lost[0] - lost[1], won[2] - won[0]), (lost[2] - lost[0], won[0] - won[1])
    reach = [np.sqrt(a**2 + b**2 - 2 * linked * a * b) for a, b in (below, above)]
    assert found == pytest.approx((0.2, 0.2 - reach[0], 0.2 + reach[1], 20), abs=2e-4)
    turned = difference_of_shares([-1] * 6 + [1] * 2 + [0] * 12)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_an_interval_without_any_loss_reaches_what_may_be_lost() -> None:
    """Where an answer in 20 is lost, 50 samples show none of it in 8% of runs: 5% may not be excluded."""
    assert difference_of_shares(np.zeros(50)).high > 0.05
    assert difference_of_shares(np.zeros(200)).high < 0.05


@pytest.mark.parametrize(("lost", "won"), [(0.02, 0.0), (0.1, 0.0), (0.3, 0.05)])
def test_a_difference_holds_the_truth_on_both_sides(lost, won) -> None:
    """All outcomes of 40 samples, each with its probability."""
    n, outside = 40, [0.0, 0.0]
    for both in range(n + 1):
        for of_them in range(both + 1):
            chance = stats.multinomial.pmf(
                [of_them, both - of_them, n - both], n, [lost, won, 1 - lost - won]
            )
            if chance > 1e-7:
                found = difference_of_shares([1] * of_them + [-1] * (both - of_them) + [0] * (n - both))
                outside[0] += chance * (found.high < lost - won)
                outside[1] += chance * (found.low > lost - won)
    assert max(outside) < 0.04
    assert sum(outside) < 0.05


def test_where_nothing_changes_more_samples_still_narrow_the_interval() -> None:
    few, many = difference_of_shares(np.zeros(5)), difference_of_shares(np.zeros(500))
    assert few.mean == many.mean == 0
    assert few.low < many.low < 0 < many.high < few.high
    assert difference_of_shares(np.ones(3)).high == 1.0


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
