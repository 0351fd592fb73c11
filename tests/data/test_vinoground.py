"""Vinoground: both tasks, pairs, and the options that stand in the question's text."""

from __future__ import annotations

from pathlib import Path

from tests.data.benchmarks import vinoground
from workbench.data import samples


def test_fields_and_pairs(tmp_path: Path) -> None:
    found = samples("vinoground", root=vinoground().write(tmp_path / "set"))
    assert found.counts() == {"text": 4, "video": 4}
    one = found["text/0_neg"]
    assert one.question == "Which caption best describes this video?"
    assert one.options == ("a 0 before b.", "b before a 0.")
    assert one.true_letter == "B"
    assert one.group == "0"
    assert dict(one.facets) == {"major": "action", "minor": "cyclical"}
    assert dict(found["video/1_pos"].facets) == {"major": "object"}
    assert found["video/0_pos"].video.parent.name == "vinoground_videos_concated"
    assert {sample.group for sample in found} == {"0", "1"}


def test_a_question_without_options_is_skipped(tmp_path: Path) -> None:
    made = vinoground()
    made.rows[0]["question"] = "Which?\nA. only one"
    made.rows[1]["idx"] = "zero"
    found = samples("vinoground", root=made.write(tmp_path / "set"))
    assert [skipped.id for skipped in found.skipped] == ["text/0_pos", "text/zero"]
