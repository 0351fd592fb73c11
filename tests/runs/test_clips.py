"""A clip is its content: it may move, but not be replaced."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from workbench.runs.clips import identify


def clip(path: Path, content: bytes = b"frames", time: int = 1_000_000_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, ns=(time, time))
    return path


def test_the_identity_is_where_it_lies_its_stamp_and_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip(tmp_path / "0.mp4")
    monkeypatch.chdir(tmp_path)
    found = identify(Path("0.mp4"))
    expected = (str(tmp_path / "0.mp4"), "6-1000000000", hashlib.sha256(b"frames").hexdigest())
    assert found == expected


def test_a_clip_that_was_moved_or_copied_is_the_same(tmp_path: Path) -> None:
    was = identify(clip(tmp_path / "a" / "0.mp4"))
    assert was.is_still(clip(tmp_path / "b" / "other.mp4", time=7)) is True
    os.utime(tmp_path / "a" / "0.mp4", ns=(5, 5))
    assert was.is_still(tmp_path / "a" / "0.mp4") is True


@pytest.mark.parametrize("content", [b"frameS", b"frames and more", b""])
def test_a_clip_that_was_replaced_is_another(tmp_path: Path, content: bytes) -> None:
    was = identify(clip(tmp_path / "0.mp4"))
    assert was.is_still(clip(tmp_path / "0.mp4", content, time=2)) is False
    assert was.is_still(clip(tmp_path / "b" / "0.mp4", content)) is False, "same name elsewhere"


def test_a_clip_that_looks_the_same_is_not_read_again(tmp_path: Path) -> None:
    was = identify(clip(tmp_path / "0.mp4"))
    clip(tmp_path / "0.mp4", b"FRAMES")  # size and time are the old ones: nobody does that by chance
    assert was.is_still(tmp_path / "0.mp4") is True


def test_a_clip_that_is_gone_counts_only_where_it_was(tmp_path: Path) -> None:
    path = clip(tmp_path / "0.mp4")
    was = identify(path)
    path.unlink()
    assert was.is_still(path) is True
    assert was.is_still(tmp_path / "elsewhere" / "0.mp4") is None


def test_a_clip_that_was_not_there_and_is_now_is_another(tmp_path: Path) -> None:
    was = identify(tmp_path / "0.mp4")
    assert (was.stamp, was.sha256) == ("", "")
    assert was.is_still(tmp_path / "0.mp4") is True
    assert was.is_still(clip(tmp_path / "0.mp4")) is False


def test_a_folder_of_pictures_is_all_its_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    for name in ("0.png", "1.png"):
        clip(folder / name, name.encode())
    was = identify(folder)
    clip(folder / ".DS_Store")
    assert was.is_still(folder) is True
    os.rename(folder, tmp_path / "moved")
    assert was.is_still(tmp_path / "moved") is True
    clip(tmp_path / "moved" / "1.png", b"1.pnG", time=3)
    assert was.is_still(tmp_path / "moved") is False
    os.rename(tmp_path / "moved" / "1.png", tmp_path / "moved" / "2.png")
    assert was.is_still(tmp_path / "moved") is False
