"""Attention in parts is attention under the dense mask of the cut."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
import torch

from tests.interventions.layouts import separated_layout, small_layout
from workbench.engine.accelerated import blocks
from workbench.engine.accelerated.blocks import attend_in_parts, parts_of
from workbench.errors import KnockoutError
from workbench.interventions import Flow
from workbench.interventions.edges import Edges
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


CUTS = (
    ("frames -> later frames",),
    ("within frames",),
    ("video -> text",),
    ("video -> video (self too)", "video -> question"),
    ("frames -> later frames", "question -> last", "last -> last"),
    ("within frames (self too)", "video -> last"),
    (),
)


def edges_of(cuts: tuple[str, ...], layout: TokenLayout) -> list[Edges]:
    """Of the flows that have any in this layout."""
    made = []
    for cut in cuts:
        with suppress(KnockoutError):
            made.append(Flow.parse(cut).edges(layout))
    return made


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("share", [1.0, 0.6])
@pytest.mark.parametrize("cuts", CUTS, ids=" + ".join)
@pytest.mark.parametrize("large", [2**22, 8])
def test_parts_are_the_cut(
    name: str, share: float, cuts: tuple[str, ...], large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where some rows have left, and where blocks are too large for a pattern."""
    monkeypatch.setattr(blocks, "_LARGE", large)
    layout = LAYOUTS[name]
    rng = np.random.default_rng(0)
    stays = rng.random(layout.length) < share
    stays[[0, -1]] = True
    edges = edges_of(cuts, layout)
    open_ = np.tril(np.ones((layout.length, layout.length), dtype=bool))
    for one in edges:
        open_ &= ~one.dense()
    stays &= open_[:, stays].any(1)  # a row that is left has a key
    rows = np.flatnonzero(stays)
    torch.manual_seed(0)
    query = torch.randn(HEADS, rows.size, WIDTH, dtype=torch.float64)
    key, value = torch.randn(2, KEY_HEADS, rows.size, WIDTH, dtype=torch.float64)
    kept = torch.from_numpy(open_[np.ix_(rows, rows)])
    if not kept.any(1).all():
        pytest.skip("a row would be left without a key")
    scores = query @ key.repeat_interleave(2, 0).transpose(1, 2) / 3
    wanted = scores.masked_fill(~kept, -torch.inf).softmax(-1) @ value.repeat_interleave(2, 0)
    found = attend_in_parts(query, key, value, parts_of(edges, layout.length, rows, CPU), 1 / 3)
    assert torch.allclose(found.transpose(0, 1), wanted)


def test_frames_alike_are_one_part_and_no_mask_is_made() -> None:
    layout = small_layout()
    parts = parts_of(edges_of(CUTS[0], layout), layout.length, np.arange(21), CPU)
    assert len(parts) == 3, "system with the first frame, frames, and what follows"
    assert all(part.open is None for part in parts)
    assert sorted(part.rows.shape for part in parts) == [(1, 6), (1, 7), (2, 4)]
