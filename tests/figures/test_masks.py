"""Masks as pictures: every pair of rows is a cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.analyses.study import STUDY_FLOWS, small_layout
from workbench.figures import mask_gallery


def test_cells_are_the_mask() -> None:
    layout = small_layout(2, 2)  # 2 rows, two frames of 2, 4 rows
    figure: Any = mask_gallery(layout, STUDY_FLOWS)
    untouched, to_text, between, within = (np.array(trace.z) for trace in figure.data)
    assert [int((z == 1).sum()) for z in (untouched, to_text, between, within)] == [0, 16, 4, 2]
    assert all(int((z == 0).sum()) == 10 * 9 // 2 for z in (untouched, to_text, between, within))
    assert (to_text[6:, 2:6] == 1).all()
    assert (between[4:6, 2:4] == 1).all()
    assert within[3, 2] == within[5, 4] == 1
    assert "cut" in figure.data[1].text[6][2]
