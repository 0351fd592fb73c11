"""What is left of attention after cuts, and rows that would be left without a key."""

from __future__ import annotations

import pytest

from tests.interventions.layouts import small_layout
from tests.interventions.test_knockouts import SMALL
from workbench.errors import KnockoutError
from workbench.interventions import Flow, Knockout, keep_mask


def test_heads_are_cut_one_by_one() -> None:
    flows = (Flow.parse("video -> last @ heads 0,2"), Flow.parse("question -> last @ heads 2"))
    keep = keep_mask(flows, SMALL, 4)
    assert keep.shape == (4, 22, 22)
    assert [int((~head).sum()) for head in keep] == [12, 0, 17, 0]
    mixed = keep_mask((flows[0], Flow.parse("last -> last")), SMALL, 4)
    assert [int((~head).sum()) for head in mixed] == [13, 1, 13, 1]


def test_a_row_is_only_starved_where_all_its_keys_go() -> None:
    # Apart, and in different heads, each leaves keys; the two share edges, which must not be counted twice.
    for harmless in (
        "text + video -> option[A] @ heads 0 in layer 1; system + text -> option[A] @ heads 1 in layer 1",
        "system + video + gap -> option[A] in layer 1; question -> option[A] (self too) in layer 2",
        "system + video -> option[A] in layer 1; video + gap -> option[A] in layer 1",
    ):
        Knockout.parse(harmless).check(SMALL, 4, 4)
    Knockout.parse("within frames (self too) in layer 1").check(SMALL, 4, 4)
    with pytest.raises(KnockoutError, match="row 0"):
        Knockout.parse("within frames (self too) in layer 1").check(small_layout(system=0), 4, 4)
