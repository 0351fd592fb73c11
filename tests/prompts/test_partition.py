"""Every row of a prompt has one place, and what is called by it agrees."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tiny import FAMILY_NAMES, FamilyName, tiny_clip, tiny_model, tiny_prompt
from workbench.figures.parts.segments import segments
from workbench.prompts.layout import TokenLayout
from workbench.prompts.partition import cell_of, disjoint_spans, row_frames, row_places, row_spans


def by_hand(*, joined: bool = False, grid: tuple[int, int] | None = (1, 2)) -> TokenLayout:
    """Two frames of two cells with a newline behind each: in the frames too where `joined`."""
    return TokenLayout(
        length=17,
        spans={
            "video": range(2, 8),
            "separator": [4, 7],
            "question": range(9, 14),
            "nonoption": [9],
            "option[A]": [10, 11],
            "option[B]": [13],
            "true_option": [13],
        },
        frames=[[2, 3, 4], [5, 6, 7]] if joined else [[2, 3], [5, 6]],
        grid=grid,
        tokens=[f" t{row}" for row in range(17)],
    )


def test_rows_are_called_by_the_narrowest_span_that_holds_them() -> None:
    layout = by_hand().with_generated(1, tokens=[" new"])
    expected = "system system video video separator video video separator gap nonoption option[A] option[A]"
    expected += " question option[B] tail tail last generated"
    assert row_spans(layout).tolist() == expected.split()
    assert row_frames(layout).tolist() == [-1, -1, 0, 0, -1, 1, 1, -1] + [-1] * 10
    cells = ["cell[0,0,0]", "cell[0,0,1]", "separator", "cell[1,0,0]", "cell[1,0,1]", "separator"]
    places = row_places(layout)
    assert [place.span for place in places[2:8]] == cells
    assert [cell_of(layout, row) for row in range(1, 9)] == ["", *cells[:2], "", *cells[3:5], "", ""]
    assert places[6] == (6, "cell[1,0,1]", 1, 0, 1, " t6")
    assert places[16] == (16, "last", None, None, None, " t16")
    assert [place.row for place in places] == list(range(18))


@pytest.mark.parametrize("joined", [False, True])
def test_a_separator_is_in_the_frame_that_the_layout_counts_it_to_and_in_no_cell(joined: bool) -> None:
    layout = by_hand(joined=joined)
    assert [place.span for place in row_places(layout) if place.row in (4, 7)] == ["separator"] * 2
    assert all(place.frame is None for place in row_places(layout) if place.row in (4, 7))
    assert disjoint_spans(layout)["frame[0]"].tolist() == ([2, 3, 4] if joined else [2, 3])
    assert ("separator" in disjoint_spans(layout)) is not joined
    assert [part.span for part in segments(layout)][1:5] == ["frame[0]", "separator", "frame[1]", "separator"]


def test_without_a_grid_rows_are_called_by_their_frame() -> None:
    places = row_places(by_hand(grid=None))
    assert [place.span for place in places[2:5]] == ["frame[0]", "frame[0]", "separator"]
    assert places[5][1:5] == ("frame[1]", 1, None, None)


def test_a_row_of_no_span_is_called_other() -> None:
    layout = TokenLayout(length=6, spans={"video": [1, 2, 4], "question": [5]}, frames=[[1, 2], [4]])
    assert row_spans(layout).tolist() == ["system", "video", "video", "other", "video", "last"]
    assert list(disjoint_spans(layout)) == ["system", "frame[0]", "other", "frame[1]", "last"]


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("separators", ["video", "frame"])
def test_every_family_is_parted_alike(family: FamilyName, separators: str) -> None:
    model = tiny_model(family)
    for prompt in (
        tiny_prompt(model, separators=separators),
        model.encode(tiny_clip(3), "What moves?", separators=separators),  # type: ignore[arg-type]
    ):
        layout = prompt.layout
        parts = disjoint_spans(layout)
        assert sorted(np.concatenate(list(parts.values()))) == list(range(layout.length))
        assert all(set(rows) <= set(layout[name]) for name, rows in parts.items())
        assert [int(rows[0]) for rows in parts.values()] == sorted(int(rows[0]) for rows in parts.values())
        for place in row_places(layout):
            assert place.row in layout[place.span]
            assert place.prompt_token == layout.tokens[place.row]
            if place.cell_row is not None:
                assert layout[cell_of(layout, place.row)].tolist() == [place.row]
        drawn = [row for part in segments(layout) for row in range(part.first, part.last + 1)]
        assert drawn == list(range(layout.length))
        assert all(
            set(range(part.first, part.last + 1)) <= set(layout[part.span]) for part in segments(layout)
        )


def test_row_places_name_the_narrowest_span() -> None:
    layout = TokenLayout(
        length=12,
        spans={"video": [1, 2, 3], "question": range(4, 10), "nonoption": [4, 5], "option[A]": [7, 8]},
        frames=[[1, 2], [3]],
    )
    spans = [place.span for place in row_places(layout)]
    assert spans == [
        *("system", "frame[0]", "frame[0]", "frame[1]", "nonoption", "nonoption"),
        *("question", "option[A]", "option[A]", "question", "tail", "last"),
    ]
