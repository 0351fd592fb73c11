"""Scores against values by hand, and how often intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.errors import RunError
from workbench.statistics.bootstrap import Interval
from workbench.statistics.proportions import wilson
from workbench.statistics.scores import (
    GroupScore,
    clustered_share,
    facet_table,
    group_table,
    mean_of_shares,
    overall_table,
)


@pytest.mark.parametrize(("correct", "n"), [(0, 5), (5, 6), (17, 40), (40, 40)])
def test_questions_of_clips_of_their_own_have_wilsons_interval(correct, n) -> None:
    found = clustered_share([True] * correct + [False] * (n - correct), np.arange(n))
    assert found == pytest.approx(wilson(correct, n), abs=1e-12)


def test_questions_that_go_together_count_as_one() -> None:
    """Each clip asked twice, with one verdict: no more is known than from the clips."""
    once = clustered_share([True] * 30 + [False] * 20, np.arange(50))
    twice = clustered_share([True] * 60 + [False] * 40, np.repeat(np.arange(50), 2))
    assert twice.mean == once.mean
    assert twice.n == 100
    # Student's t for the 49 degrees of freedom of a variance that is estimated widens it a little.
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.03)
    assert twice.high - twice.low > once.high - once.low
    apart = clustered_share([True, False] * 50, np.repeat(np.arange(50), 2))
    assert apart == pytest.approx(wilson(50, 100), abs=1e-12)  # at most as many as they are


def test_few_clusters_say_little() -> None:
    assert clustered_share([], []).n == 0
    one = clustered_share([True, True, False, False], ["a"] * 4)
    assert (one.low, one.high) == pytest.approx(tuple(clustered_share([True], ["a"])[1:3]), abs=0.3)
    assert one.high - one.low > 0.75
    sure = clustered_share([True] * 8, list("aabbccdd"))
    assert sure[:3] == pytest.approx(wilson(4, 4)[:3], abs=1e-12)


@pytest.mark.parametrize(("clusters", "together"), [(60, 0.7), (60, 0.0), (250, 0.9), (25, 0.5)])
def test_intervals_hold_the_truth_as_often_as_they_say(clusters, together) -> None:
    draw, share, held = np.random.default_rng(3), 0.7, 0
    names = np.repeat(np.arange(clusters), 3)
    for _ in range(600):
        own, shared = draw.random(clusters * 3) < share, np.repeat(draw.random(clusters) < share, 3)
        linked = np.repeat(draw.random(clusters) < together, 3)
        found = clustered_share(np.where(linked, shared, own), names)
        held += found.low <= share <= found.high
    assert 0.925 <= held / 600 <= 0.985


def test_the_mean_over_tasks_by_hand() -> None:
    found = mean_of_shares([Interval(0.5, 0.4, 0.6, 10), Interval(0.9, 0.8, 0.94, 20)])
    assert found.mean == pytest.approx(0.7)
    assert found.low == pytest.approx(0.7 - np.hypot(0.1, 0.1) / 2)
    assert found.high == pytest.approx(0.7 + np.hypot(0.1, 0.04) / 2)
    assert found.n == 30
    assert np.isnan(mean_of_shares([]).mean)


def test_micro_counts_questions_and_macro_tasks() -> None:
    answered = pd.DataFrame(
        {"task": ["a"] * 4 + ["b"], "clip": list("vwxyz"), "correct": [True, True, True, False, False]}
    )
    table = overall_table(answered).set_index("score")
    assert table.loc["micro", "accuracy_percent"] == pytest.approx(60.0)
    assert table.loc["macro", "accuracy_percent"] == pytest.approx(37.5)
    assert table["samples"].tolist() == [5, 5]
    assert table["tasks"].tolist() == [2, 2]
    with pytest.raises(RunError, match="lacks the column clip"):
        overall_table(answered.drop(columns="clip"))


def test_groups_count_whole() -> None:
    """Two pairs of two texts and two videos, as Vinoground: one all right, one with a wrong video; the third
    lacks an answer."""
    rows = [(group, task) for group in "012" for task in ("text", "text", "video", "video")]
    answered = pd.DataFrame(rows, columns=pd.Index(["group", "task"])).assign(correct=True)
    answered.loc[7, "correct"] = False
    expected = {(group, task): 2 for group in "012" for task in ("text", "video")}
    scores = {
        "text": GroupScore(tasks=("text",), size=2),
        "video": GroupScore(tasks=("video",), size=2),
        "group": GroupScore(size=4),
    }
    table = group_table(answered.drop(index=11), scores, expected).set_index("score")
    assert table["groups"].tolist() == [3, 2, 2]
    assert table["correct"].tolist() == [3, 1, 1]
    assert table["incomplete"].tolist() == [0, 1, 1]
    assert table.loc["group", "accuracy_percent"] == 50.0
    assert table.loc["group", ["low_percent", "high_percent"]].tolist() == pytest.approx(
        [100 * end for end in wilson(1, 2)[1:3]]
    )
    alone = group_table(answered.iloc[:1], {"group": GroupScore()}, {("0", "text"): 1})
    assert alone[["groups", "incomplete"]].values.tolist() == [[0, 1]]
    assert not len(group_table(answered, {}, expected))


def test_facets_are_broken_down_where_samples_have_them() -> None:
    answered = pd.DataFrame(
        {"sample_id": list("abc"), "clip": list("xyz"), "correct": [True, False, True], "task": "t"}
    )
    table = facet_table(answered, {"a": {"length": "short"}, "b": {"length": "short"}, "c": {"kind": "film"}})
    assert table[["facet", "value", "samples", "correct"]].values.tolist() == [
        ["length", "short", 2, 1],
        ["kind", "film", 1, 1],
    ]
    assert not len(facet_table(answered, {}))
