"""Rows that are left, of a padded batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from workbench.engine.accelerated.left import Left
from workbench.errors import InterventionError

CPU = torch.device("cpu")
LENGTHS = (5, 3)


def left(*own: list[int]) -> Left:
    return Left([np.array(rows, dtype=np.int64) for rows in own], LENGTHS, CPU)


def test_padding_stands_before_the_rows() -> None:
    everything, some = Left.all(LENGTHS, CPU), left([0, 2, 4], [1, 2])
    assert everything.real is not None
    assert everything.real.tolist() == [[True] * 5, [False] * 2 + [True] * 3]
    assert some.rows[0].tolist() == [0, 2, 4]
    assert some.rows[1, 1:].tolist() == [3, 4], "rows of the batch: two of padding come first"
    assert some.real is not None
    assert some.real.tolist() == [[True] * 3, [False, True, True]]
    values = torch.arange(10.0).reshape(2, 5, 1)
    kept = everything.of(values, some)[..., 0]
    assert kept[0].tolist() == [0, 2, 4]
    assert kept[1, 1:].tolist() == [8, 9]
    fewer = left([2, 4], [2])
    assert some.of(kept[..., None], fewer)[0, :, 0].tolist() == [2, 4]
    assert some.of(kept[..., None], fewer)[1, 1, 0] == 9


def test_positions_follow_their_rows() -> None:
    some = left([0, 2, 4], [1, 2])
    shared = torch.arange(5.0).reshape(1, 5, 1)
    assert some.along(shared, -2)[0, :, 0].tolist() == [0, 2, 4]
    three_axes = torch.arange(30.0).reshape(3, 2, 5)
    assert some.along(three_axes, -1)[2, 1, 1:].tolist() == [28, 29]
    with pytest.raises(InterventionError, match="batch of 2"):
        some.along(torch.zeros(3, 5, 4), -2)


def test_masks_lose_rows_columns_and_padding() -> None:
    some = left([0, 2, 4], [1, 2])
    own = torch.rand(2, 1, 5, 5) > 0.3
    found = some.mask(own, reading=True, asked=3, total=5)
    assert found is not None
    assert torch.equal(found[0, 0], own[0, 0][[0, 2, 4]][:, [0, 2, 4]])
    assert torch.equal(found[1, 0, 1:, 1:], own[1, 0][[3, 4]][:, [3, 4]])
    assert not found[1, 0, :, 0].any()
    written = some.mask(torch.ones(2, 1, 1, 7, dtype=torch.bool), reading=False, asked=1, total=7)
    assert written is not None
    assert written[:, 0, 0].tolist() == [[True] * 5, [False] + [True] * 4], "two written rows follow"


def test_where_nothing_is_padded_attention_stays_causal() -> None:
    alone = Left([np.array([0, 2])], [3], CPU)
    assert alone.real is None
    assert alone.mask(None, reading=True, asked=2, total=3) is None
    uneven = Left([np.array([0, 2]), np.array([2])], [3, 3], CPU)
    found = uneven.mask(None, reading=True, asked=2, total=3)
    assert found is not None
    assert found[0, 0].tolist() == [[True, False], [True, True]]
    assert found[1, 0].tolist() == [[False, False], [False, True]]
