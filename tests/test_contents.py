"""What lies at a path is read once, as long as it looks the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from workbench import contents
from workbench.contents import content_of, is_known, remember, stamp_of


def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "0.mp4"
    path.write_bytes(b"frames")
    stamp = stamp_of(path)
    assert not is_known(path, stamp)
    assert content_of(path, stamp) == hashlib.sha256(b"frames").hexdigest()
    assert is_known(path, stamp)
    monkeypatch.chdir(tmp_path)
    path.write_bytes(b"other")
    assert content_of(Path("0.mp4"), stamp) == hashlib.sha256(b"frames").hexdigest()
    assert content_of(path, stamp_of(path)) == hashlib.sha256(b"other").hexdigest()


def test_what_another_process_has_read_counts_and_little_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_MOST", 2)
    for number in range(3):
        remember(tmp_path / str(number), "1-1", f"sum of {number}")
    assert [is_known(tmp_path / str(number), "1-1") for number in range(3)] == [False, True, True]
    assert content_of(tmp_path / "2", "1-1") == "sum of 2"


def test_what_cannot_be_read_has_no_content_and_nothing_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert content_of(tmp_path / "pipe.mp4", stamp_of(tmp_path / "pipe.mp4")) == ""
    assert stamp_of(Path("a\0b.mp4")) == ""
    assert stamp_of(Path("x" * 300)) == ""
