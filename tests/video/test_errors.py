"""Every message about a clip has one shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import ClipError, WorkbenchError
from workbench.video import Midpoints, read_clip
from workbench.video.errors import clip_error


def test_one_error_class() -> None:
    with pytest.raises(WorkbenchError):
        read_clip("nowhere.mp4")
    with pytest.raises(ValueError, match="nowhere"):
        read_clip("nowhere.mp4", Midpoints(1))


def test_a_message_names_the_file_the_cause_and_the_remedy() -> None:
    error = clip_error(Path("a.mp4"), "the file is empty", "Copy it again.")
    assert isinstance(error, ClipError)
    assert str(error) == "a.mp4: the file is empty. Copy it again."
