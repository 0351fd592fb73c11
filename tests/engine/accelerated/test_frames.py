"""Attention in parts is attention under the dense mask of the cut."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.interventions.layouts import separated_layout, small_layout
from workbench.engine.accelerated.frames import attend_in_frames, parts_of
from workbench.interventions import Flow
from workbench.prompts.layout import TokenLayout

CPU = torch.device("cpu")
HEADS, KEY_HEADS, WIDTH = 4, 2, 8


def with_newlines() -> TokenLayout:
    """Separators inside the frames and between them, in no frame; frames of two sizes."""
    return TokenLayout(
        length=24,
        spans={"separator": [3, 6, 9, 12, 16], "question": [21]},
        frames=[[1, 2, 4, 5], [7, 8, 10, 11], [13, 14, 15, 17, 18, 19]],
    )


def many_separators() -> TokenLayout:
    """So many stretches outside frames that they are computed together."""
    return TokenLayout(
        length=40,
        spans={"separator": list(range(3, 36, 3)), "question": [38]},
        frames=[[3 * t + 1, 3 * t + 2] for t in range(12)],
    )


LAYOUTS = {
    "alike": small_layout(),
    "no system": small_layout(system=0),
    "one frame": small_layout(frames=1),
    "between": separated_layout(),
    "inside": with_newlines(),
    "many": many_separators(),
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("share", [1.0, 0.6])
def test_parts_are_the_cut(name: str, share: float) -> None:
    """Also where some rows have left."""
    layout = LAYOUTS[name]
    rng = np.random.default_rng(0)
    stays = rng.random(layout.length) < share
    stays[-1] = True
    rows = np.flatnonzero(stays)
    torch.manual_seed(0)
    query = torch.randn(HEADS, rows.size, WIDTH, dtype=torch.float64)
    key, value = torch.randn(2, KEY_HEADS, rows.size, WIDTH, dtype=torch.float64)
    open_ = np.tril(np.ones((layout.length, layout.length), dtype=bool))
    if layout.n_frames > 1:
        open_ &= ~Flow.parse("frames -> later frames").edges(layout).dense()
    open_ = torch.from_numpy(open_[np.ix_(rows, rows)])
    scores = query @ key.repeat_interleave(2, 0).transpose(1, 2) / 3
    wanted = scores.masked_fill(~open_, -torch.inf).softmax(-1) @ value.repeat_interleave(2, 0)
    found = attend_in_frames(query, key, value, parts_of(layout, rows, CPU), 1 / 3)
    assert torch.allclose(found.transpose(0, 1), wanted)


def test_frames_alike_are_one_part_and_no_mask_is_made() -> None:
    parts = parts_of(small_layout(), np.arange(21), CPU)
    assert len(parts) == 3, "system, frames, and what follows"
    assert all(part.open is None for part in parts)
    assert parts[2].rows.shape == (3, 4)
