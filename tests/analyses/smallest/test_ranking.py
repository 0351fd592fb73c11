from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from workbench.analyses.smallest.ranking import (
    first_within,
    given_scores,
    least_needed_first,
    measured_scores,
    random_within,
    read_scores,
)
from workbench.errors import RunError
from workbench.interventions.blocks import Block

A, B, C = Block("video -> last", 1), Block("video -> question", 1), Block("video -> question", 2)
WEIGHTS = {A: 1.0, B: 10.0, C: 10.0}


def test_measured_scores_are_falls_of_the_mean() -> None:
    rows = pd.DataFrame(
        [("full", 4.0), ("full", 2.0), (str(A), 1.0), (str(A), 1.0), (str(B), 5.0), (str(B), 3.0)],
        columns=pd.Index(["name", "logit_difference"]),
    )
    assert measured_scores(rows, [A, B]) == {A: 2.0, B: -1.0}


def test_given_scores_are_averaged_summed_over_heads_and_turned() -> None:
    table = pd.DataFrame(
        [
            ("video -> last", 1, -1, -3.0),
            ("video -> last", 1, -1, -1.0),
            ("video->question", 1, 0, -1.0),
            ("video -> question", 1, 1, 0.25),
            ("within frames", 2, -1, 0.5),
        ],
        columns=pd.Index(["flow", "layer", "head", "estimate"]),
    )
    within = Block("within frames (self too)", 2)
    found = given_scores(table, [A, B, B._replace(head=1), within])
    assert found == {A: 2.0, B: 0.75, B._replace(head=1): -0.25, within: -0.5}
    with pytest.raises(RunError, match="no row for 'video -> question in layer 2'"):
        given_scores(table, [C])
    with pytest.raises(RunError, match="estimate"):
        given_scores(table.drop(columns="estimate"), [A])


def test_a_file_of_scores_is_read_or_refused(tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text("flow,layer,head,estimate\nvideo -> last,1,-1,-2.0\n", "utf-8")
    assert given_scores(read_scores(file), [A]) == {A: 2.0}
    file.write_text("flow,layer\n", "utf-8")
    with pytest.raises(RunError, match="head"):
        read_scores(file)
    with pytest.raises(RunError, match="cannot be read"):
        read_scores(tmp_path / "none.csv")


def test_blocks_are_ranked_by_what_each_freed_edge_costs() -> None:
    assert least_needed_first({A: 1.0, B: 2.0, C: 0.0}, WEIGHTS) == [C, B, A]
    # Noise of a small block does not put it before a large one that does as little.
    assert least_needed_first({A: -0.01, B: 0.01, C: 5.0}, WEIGHTS) == [B, A, C]
    assert least_needed_first({A: 0.0, B: 0.0}, WEIGHTS) == [B, A]


def test_circuits_of_a_size_are_the_first_blocks_that_fit() -> None:
    assert first_within([A, B, C], WEIGHTS, 0.001) == frozenset()
    assert first_within([A, B, C], WEIGHTS, 0.5) == {A}
    assert first_within([A, B, C], WEIGHTS, 11 / 21) == {A, B}
    assert first_within([A, B, C], WEIGHTS, 1.0) == {A, B, C}


def test_random_blocks_fill_the_room_and_follow_the_seed() -> None:
    found = {random_within([A, B, C], WEIGHTS, 11.0, seed) for seed in range(20)}
    assert found == {frozenset({A, B}), frozenset({A, C})}
    assert random_within([A, B, C], WEIGHTS, 11.0, 7) == random_within([A, B, C], WEIGHTS, 11.0, 7)
