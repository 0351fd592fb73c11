"""Tiles of the unembedding put together are its output."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from workbench.engine.vocabulary import tiles


@pytest.mark.parametrize("size", [1, 7, 50, 64])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("wide", [False, True])
def test_tiles_are_the_output(size: int, bias: bool, wide: bool) -> None:
    torch.manual_seed(0)
    head, rows = nn.Linear(8, 50, bias=bias), torch.randn(3, 8)
    found = list(tiles(head, rows, size, wide=wide))
    assert [tile.first for tile in found] == list(range(0, 50, size))
    assert torch.allclose(torch.cat([tile.logits for tile in found], -1), head(rows), atol=1e-6)


def test_logits_go_through_their_cap() -> None:
    head, rows = nn.Linear(8, 5), 100 * torch.randn(3, 8)
    (tile,) = tiles(head, rows, cap=30.0)
    assert torch.allclose(tile.logits, 30 * (head(rows) / 30).tanh())


def test_only_tiles_that_hold_an_id_are_made() -> None:
    assert [tile.first for tile in tiles(nn.Linear(8, 50), torch.randn(1, 8), 10, only=[3, 41])] == [0, 40]


def test_wide_products_of_half_precision_lose_no_digits() -> None:
    torch.manual_seed(0)
    head, rows = nn.Linear(64, 50, dtype=torch.bfloat16), torch.randn(3, 64)
    assert head.bias is not None
    truth = rows.double() @ head.weight.double().T + head.bias.double()
    (tile,) = tiles(head, rows, wide=True)
    assert tile.logits.dtype == torch.float32
    assert torch.allclose(tile.logits.double(), truth, atol=1e-5)
    (narrow,) = tiles(head, rows)
    assert narrow.logits.dtype == torch.float32
