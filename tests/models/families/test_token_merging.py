"""Token merging against its definition, row by row."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from workbench.models.families.token_merging import InternVLVideoConfig, merged


def by_hand(rows: Tensor, to: int, heads: int) -> Tensor:
    """The definition for one group: lists, no gather."""
    held = [(row, 1.0) for row in rows]
    while len(held) > to:
        spare = min(len(held) - to, len(held) // 2)
        kinds = [row.view(heads, -1).mean(0) for row, _ in held]
        kinds = [kind / kind.norm() for kind in kinds]
        even, odd = range(0, len(held), 2), list(range(1, len(held), 2))
        likes = {i: max((float(kinds[i] @ kinds[j]), j) for j in odd) for i in even}
        order = sorted(even, key=lambda i: -likes[i][0])
        sums = {j: (held[j][0] * held[j][1], held[j][1]) for j in odd}
        for i in order[:spare]:
            j = likes[i][1]
            sums[j] = (sums[j][0] + held[i][0] * held[i][1], sums[j][1] + held[i][1])
        held = [held[i] for i in order[spare:]] + [(total / size, size) for total, size in sums.values()]
    return torch.stack([row for row, _ in held])


@pytest.mark.parametrize(("count", "to"), [(16, 12), (16, 8), (16, 3), (64, 7), (5, 5)])
def test_rows_that_are_alike_become_their_mean(count: int, to: int) -> None:
    torch.manual_seed(0)
    rows = torch.randn(2, count, 8, dtype=torch.float64)
    result = merged(rows, to, 2)
    for group in range(2):
        torch.testing.assert_close(result[group], by_hand(rows[group], to, 2))


def test_equal_rows_stay_what_they_are() -> None:
    rows = torch.ones(1, 32, 8)
    assert torch.equal(merged(rows, 4, 2), torch.ones(1, 4, 8))


@pytest.mark.parametrize(
    "wrong", [{"merge_frames": 0}, {"merge_frames": 4, "merge_tokens": 6}, {"image_marks": "all"}]
)
def test_settings_that_there_are_not_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"merge_|image_marks"):
        InternVLVideoConfig(**wrong)
