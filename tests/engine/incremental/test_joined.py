"""Long nodes with untouched keys before their own: the same as a softmax over what each row sees."""

from __future__ import annotations

import pytest
import torch

from tests.engine.incremental.test_merged import HEADS, KEY_HEADS, SCALE, WIDTH, by_hand, kinds
from workbench.engine.incremental.joined import Joiner
from workbench.engine.incremental.merged import by_node
from workbench.engine.incremental.plan import Segment

START = 9
"""The first row of the second frame of tiny prompts."""


@pytest.mark.parametrize("keys_before", [0, 3])
@pytest.mark.parametrize(
    "cut", ["frames -> later frames", "within frames", "video -> question", "question -> last", None]
)
def test_every_row_sees_what_is_left_to_it(cut: str | None, keys_before: int) -> None:
    torch.manual_seed(0)
    flows, numbers = kinds(*([] if cut is None else [cut]))
    length, nodes = flows.layout.length, 2
    joiner = Joiner([flows])
    segment = Segment(0, numbers[-1], START, START + keys_before, nodes, length)
    assert joiner.takes(segment)
    query = torch.randn(nodes * (length - segment.first), HEADS, WIDTH)
    own = [torch.randn(nodes * (length - START), KEY_HEADS, WIDTH) for _ in range(2)]
    shared = torch.randn(1, KEY_HEADS, length, WIDTH), torch.randn(1, KEY_HEADS, length, WIDTH)
    out = torch.full_like(query, torch.nan)
    key, value = (by_node(part, nodes) for part in own)
    joiner.attend(segment, by_node(query, nodes), (key, value), shared, SCALE, by_node(out, nodes))
    for node in range(nodes):
        keys, values = (
            torch.cat([before[0, :, :START], after[node]], dim=1).transpose(0, 1)
            for before, after in zip(shared, (key, value), strict=True)
        )
        here = slice(node * (length - segment.first), (node + 1) * (length - segment.first))
        expected = by_hand(flows, segment, query[here], keys, values)
        assert (out[here] - expected).abs().max() < 2e-6


def test_many_untouched_keys_cut_heads_and_starved_rows_are_left_to_pieces() -> None:
    flows, (none, heads, starving) = kinds(
        "video -> last @ heads 1", "system + video + text -> last (self too)"
    )
    length = flows.layout.length
    joiner = Joiner([flows])
    segment = Segment(0, none, START, START, 1, length)
    assert joiner.takes(segment)
    assert not joiner.takes(segment._replace(kind=heads))
    assert not joiner.takes(segment._replace(kind=starving))
    assert not joiner.takes(segment._replace(start=length // 2 + 1, first=length // 2 + 1))
