"""Clips of coloured cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import workbench as wb
from workbench.planted.clips import COLOURS, SIDE, write_clip


def test_cells_have_their_colours(tmp_path: Path) -> None:
    found = wb.read_clip(write_clip(("rgbk", "mcwk"), tmp_path / "clip"), 2).frames
    assert found.shape == (2, 2 * SIDE, 2 * SIDE, 3)
    cells = found[:, ::SIDE, ::SIDE].reshape(2, 4, 3)
    wanted = [[COLOURS[letter] for letter in frame] for frame in ("rgbk", "mcwk")]
    assert np.array_equal(cells, wanted)
