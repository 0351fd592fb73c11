"""Edges of small masks, counted by hand."""

from __future__ import annotations

import pytest

from workbench.analyses.study import STUDY_FLOWS, mask_table, small_layout
from workbench.errors import SpanError


def test_the_edges_are_those_counted_by_hand() -> None:
    # 2 rows before 3 frames of 4, and 4 rows behind: 18 rows, 171 edges.
    found = mask_table(small_layout(3, 4), STUDY_FLOWS).set_index("mask")["edges"].to_dict()
    assert found == {
        "untouched": 171,
        "video -> text": 171 - 4 * 12,
        "frames -> later frames": 171 - (4 * 4 + 4 * 8),
        "within frames": 171 - 3 * 6,
    }


@pytest.mark.parametrize(("frames", "rows"), [(0, 4), (3, 0)])
def test_a_layout_has_a_frame_and_a_row(frames: int, rows: int) -> None:
    with pytest.raises(SpanError, match="one or more"):
        small_layout(frames, rows)
