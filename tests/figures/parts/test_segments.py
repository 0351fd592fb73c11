"""Stretches of the prompt, each row once."""

from __future__ import annotations

from tests.figures.test_clip_strip import make_layout
from workbench.figures.parts.segments import segments


def test_segments_hold_every_row_once_under_its_most_telling_name() -> None:
    layout = make_layout()
    found = segments(layout)
    rows = [row for part in found for row in range(part.first, part.last + 1)]
    assert rows == list(range(layout.length))
    assert [part.span for part in found] == [
        "system",
        *(f"frame[{t}]" for t in range(4)),
        *("nonoption", "question", "option[A]", "option[B]", "tail", "last"),
    ]
    kinds = {part.span: part.kind for part in found}
    assert kinds["option[B]"] == "true_option"
    assert kinds["option[A]"] == "false_options"
    assert kinds["frame[2]"] == "video"
