"""Rows are chosen in every way that a person may name them, and refused where they could be misread."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.prompts.test_partition import by_hand
from workbench.errors import HookError, SpanError
from workbench.prompts.rows import chosen_rows, positions, query_rows_of


@pytest.mark.parametrize(
    ("asked", "rows"),
    [
        (None, range(17)),
        (3, [3]),
        (-1, [16]),
        (slice(1, 4), [1, 2, 3]),
        ([4, 2], [4, 2]),
        (np.array([0, -1]), [0, 16]),
        (torch.tensor([5]), [5]),
        ([row == 6 for row in range(17)], [6]),
        ("frame[1] + last", [5, 6, 16]),
        ("cell[:,0,1]", [3, 6]),
    ],
)
def test_rows_are_chosen(asked: Any, rows: list[int]) -> None:
    assert chosen_rows(asked, by_hand()).tolist() == list(rows)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (17, "outside this prompt"),
        ([99], r"rows 99\.\.99; this prompt has 17"),
        ((1, 2), "read in two ways"),
        (True, "read in two ways"),
        ([0.5], "is not understood"),
        ([], "holds no row"),
        ("generated", "holds no row"),
        (slice(5, 5), "holds no row"),
    ],
)
def test_rows_that_are_none_are_refused(asked: Any, says: str) -> None:
    with pytest.raises(HookError, match=says):
        positions(asked, by_hand())


@pytest.mark.parametrize(
    ("query", "rows", "name"),
    [
        ("Frame[0]", [2, 3], "frame[0]"),
        (6, [6], "cell[1,0,1]"),
        (4, [4], "row 4"),
        (9, [9], '"t9" (row 9)'),
        ([11, 10], [10, 11], '"t10 t11" (rows 10, 11)'),
        ([9, 11], [9, 11], "rows 9, 11"),
        (-1, [16], '"t16" (row 16)'),
    ],
)
def test_a_query_has_rows_and_a_name(query: Any, rows: list[int], name: str) -> None:
    found, called = query_rows_of(query, by_hand())
    assert (found.tolist(), called) == (rows, name)


@pytest.mark.parametrize("query", [17, -18, [], [0.5], True, "generated", "vidoe"])
def test_a_query_without_rows_is_refused(query: Any) -> None:
    with pytest.raises(SpanError):
        query_rows_of(query, by_hand())
