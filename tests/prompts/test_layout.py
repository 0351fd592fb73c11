"""Every row of a prompt has its name, and names that do not exist are refused with what does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import SpanError
from workbench.prompts.layout import TokenLayout


@pytest.fixture
def layout() -> TokenLayout:
    return TokenLayout(
        length=20,
        spans={
            "video": range(3, 12),
            "separator": [11],
            "question": range(13, 18),
            "nonoption": [13],
            "option[A]": [14, 15],
            "option[B]": [16],
            "option[C]": [17],
            "true_option": [16],
        },
        frames=[range(3, 7), range(7, 11)],
        grid=(2, 2),
        frame_times=[(0.25,), (0.75,)],
    )


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("system", [0, 1, 2]),
        ("video", range(3, 12)),
        ("separator", [11]),
        ("frame[0]", [3, 4, 5, 6]),
        ("frame[1]", [7, 8, 9, 10]),
        ("frame[0:2]", range(3, 11)),
        ("frame[1:]", range(7, 11)),
        ("frame[:1]", range(3, 7)),
        ("frame[:]", range(3, 11)),
        ("cell[0,0,0]", [3]),
        ("cell[0,0,1]", [4]),
        ("cell[0,1,0]", [5]),
        ("cell[1,1,1]", [10]),
        ("cell[:,0,1]", [4, 8]),
        ("cell[1, :, 0:2]", [7, 8, 9, 10]),
        ("gap", [12]),
        ("question", range(13, 18)),
        ("nonoption", [13]),
        ("option[A]", [14, 15]),
        ("option[ A ]", [14, 15]),
        ("false_options", [14, 15, 17]),
        ("tail", [18]),
        ("last", [19]),
        ("text", range(12, 20)),
        ("generated", []),
        ("frame[1] + last", [7, 8, 9, 10, 19]),
        ("question+option[A]", range(13, 18)),
    ],
)
def test_a_name_gives_its_rows(layout: TokenLayout, name: str, rows: range | list[int]) -> None:
    found = layout[name]
    assert found.tolist() == list(rows)
    assert found.dtype == np.int64
    assert (name in layout) == bool(len(rows))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("frame[2]", r"which has 2 frames \(frame\[0\]\.\.frame\[1\]\).*frames=4"),
        ("frame[1:3]", "outside this clip"),
        ("frame[1:1]", "outside this clip"),
        ("frame[-1]", r"Write frame\[1\]"),
        ("frame[]", "outside this clip"),
        ("frame[x]", "outside this clip"),
        ("cell[0,2,0]", r"from cell\[0,0,0\] to cell\[1,1,1\]"),
        ("cell[0,0]", r"cell\[frame,row,column\]"),
        ("cell[0,0,0,0]", r"cell\[frame,row,column\]"),
        ("option[D]", "Did you mean 'option"),
        ("vidoe", "Did you mean 'video'"),
        ("question + anwser", "no span"),
        ("", "It has system, video"),
    ],
)
def test_a_name_that_does_not_exist_is_refused_with_what_does(
    layout: TokenLayout, name: str, says: str
) -> None:
    assert name not in layout
    with pytest.raises(SpanError, match=says):
        layout[name]


def test_a_prompt_without_video_or_options_says_so() -> None:
    bare = TokenLayout(length=4, spans={"question": [1, 2]})
    assert bare["system"].tolist() == [0]
    assert bare["tail"].tolist() == []
    assert bare["text"].tolist() == [0, 1, 2, 3]
    for name in ("video", "frame[0]", "cell[0,0,0]", "true_option"):
        with pytest.raises(SpanError):
            bare[name]


def test_names_are_those_that_hold_rows(layout: TokenLayout) -> None:
    names = layout.names()
    assert names[:4] == ("system", "video", "frame[0]", "frame[1]")
    assert "generated" not in names
    assert all(layout[name].size for name in names)


def test_separators_may_belong_to_a_frame_and_are_no_cells() -> None:
    rows = TokenLayout(
        length=8,
        spans={"separator": [3, 6], "video": range(1, 7)},
        frames=[[1, 2, 3], [4, 5, 6]],
        grid=(1, 2),
    )
    assert rows["frame[0]"].tolist() == [1, 2, 3]
    assert rows["cell[1,0,1]"].tolist() == [5]


def test_the_video_follows_from_its_frames() -> None:
    rows = TokenLayout(length=8, spans={"separator": [5]}, frames=[[1, 2], [3, 4]])
    assert rows["video"].tolist() == [1, 2, 3, 4, 5]


def test_a_question_before_the_video_leaves_no_gap() -> None:
    rows = TokenLayout(length=9, spans={"question": [1, 2], "video": [4, 5]}, frames=[[4, 5]])
    assert rows["gap"].size == 0
    assert rows["tail"].tolist() == [6, 7]
    assert rows["text"].tolist() == [6, 7, 8]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"length": 0, "spans": {}}, "at least one row"),
        ({"length": 5, "spans": {"question": [5]}}, "has rows 5..5"),
        ({"length": 5, "spans": {"question": [-1]}}, "has rows -1"),
        ({"length": 5, "spans": {"question": [0.5]}}, "whole numbers"),
        ({"length": 5, "spans": {"video": [1]}, "frames": [[1], [2]]}, "belong to the span video"),
        ({"length": 5, "spans": {}, "frames": [[1, 2], [2, 3]]}, "may not share rows"),
        ({"length": 5, "spans": {}, "frames": [[2], [1]]}, "follow one another"),
        ({"length": 5, "spans": {}, "frames": [[1, 2]], "grid": (2, 2)}, "needs 4"),
        ({"length": 5, "spans": {"video": [1], "separator": [2]}}, "separator must belong"),
        ({"length": 5, "spans": {}, "tokens": ["a"]}, "1 token texts"),
        ({"length": 5, "spans": {}, "frames": [[1]], "frame_times": [(0,), (1,)]}, "2 frame times"),
    ],
)
def test_rows_that_contradict_one_another_are_refused(arguments: dict, says: str) -> None:
    with pytest.raises(SpanError, match=says):
        TokenLayout(**arguments)


def test_generated_rows_join_the_text_and_leave_last_alone(layout: TokenLayout) -> None:
    longer = layout.with_generated(2)
    assert longer.length == 22
    assert longer["generated"].tolist() == [20, 21]
    assert longer["last"].tolist() == [19]
    assert longer["text"].tolist() == list(range(12, 22))
    assert longer.with_generated(1)["generated"].tolist() == [20, 21, 22]
    for name in layout.names():
        if name != "text":
            assert longer[name].tolist() == layout[name].tolist()
    with pytest.raises(SpanError, match="cannot grow"):
        layout.with_generated(-1)


def test_the_layout_does_not_change_with_what_it_was_made_from() -> None:
    rows = np.array([1, 2])
    made = TokenLayout(length=5, spans={"video": rows}, frames=[rows])
    rows[:] = 4
    for name in ("video", "frame[0]"):
        made[name][:] = 4
        assert made[name].tolist() == [1, 2]


def test_repr_is_short_and_names_the_rows(layout: TokenLayout) -> None:
    shown = repr(layout)
    assert "20 rows" in shown
    assert "video 3-11" in shown
    assert "2 frames of 2 x 2 cells" in shown
    assert len(shown) < 300


@given(
    before=st.integers(0, 4),
    frames=st.integers(1, 4),
    grid=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    gap=st.integers(0, 3),
    question=st.integers(1, 5),
    tail=st.integers(0, 3),
    newline=st.booleans(),
)
def test_spans_part_the_prompt(
    before: int, frames: int, grid: tuple[int, int], gap: int, question: int, tail: int, newline: bool
) -> None:
    cells = grid[0] * grid[1]
    end = before + frames * cells
    first = end + newline + gap
    layout = TokenLayout(
        length=first + question + tail + 1,
        spans={"separator": [end] if newline else [], "question": range(first, first + question)},
        frames=[range(before + t * cells, before + (t + 1) * cells) for t in range(frames)],
        grid=grid,
    )
    everything = list(range(layout.length))

    def joined(*names: str) -> list[int]:
        return sorted(row for name in names for row in layout[name].tolist())

    assert joined("system", "video", "gap", "question", "tail", "last") == everything
    assert joined("system", "video", "text") == everything
    assert joined("separator", *(f"frame[{t}]" for t in range(frames))) == layout["video"].tolist()
    for t in range(frames):
        named = [f"cell[{t},{i},{j}]" for i in range(grid[0]) for j in range(grid[1])]
        assert [layout[name].tolist() for name in named] == [[row] for row in layout[f"frame[{t}]"].tolist()]
