"""A file that was cut is told by its structure, and the error says how much of it is whole."""

from __future__ import annotations

import re
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from tests.video.helpers import cut
from workbench.errors import ClipError
from workbench.video import read_clip
from workbench.video.completeness import find_cut

READERS = ["auto", "pyav", "decord"]
CUT_NAMES = [
    "index_last.mp4",
    "index_first.mp4",
    "pieces.mp4",
    "a.mkv",
    "a.webm",
    "mpeg4.avi",
    "h264.avi",
    "a.gif",
]


@pytest.mark.parametrize("name", CUT_NAMES)
def test_whole_files_show_no_cut(whole: dict[str, Path], name: str) -> None:
    assert find_cut(whole[name]) is None
    assert len(read_clip(whole[name], 24)) == 24


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97, 0.99])
@pytest.mark.parametrize("name", CUT_NAMES)
def test_cut_files(whole: dict[str, Path], tmp_path: Path, name: str, fraction: float) -> None:
    path = cut(whole[name], tmp_path / name, fraction)
    messages = set()
    for reader in READERS:
        with pytest.raises(ClipError) as caught:
            read_clip(path, 1, reader=reader)  # type: ignore[arg-type]
        messages.add(str(caught.value))
    assert len(messages) == 1  # whoever reads
    message = messages.pop()
    assert message.startswith(f"{path}: ")
    assert "cut short" in message
    assert "Copy or download it again" in message
    found = re.search(r"(no|(?:the first )?(\d+)(?: of (\d+))?) frames? can be decoded", message)
    assert found is not None, message
    count = int(found[2] or 0)
    assert count <= 24
    if found[3] and name != "pieces.mp4":  # where each piece announces its own frames
        assert int(found[3]) == 24
    if fraction <= 0.3:
        assert count < 24


def test_the_count_of_a_cut_file_is_what_decodes(whole: dict[str, Path], tmp_path: Path) -> None:
    counts = []
    for fraction in (0.4, 0.6, 0.8):
        path = cut(whole["index_first.mp4"], tmp_path / "a.mp4", fraction)
        with pytest.raises(ClipError, match=r"its mdat box should end at byte") as caught:
            read_clip(path)
        found = re.search(r"(\d+) of 24 frames", str(caught.value))
        assert found is not None
        counts.append(int(found[1]))
    assert 0 < counts[0] < counts[1] < counts[2] < 24


def of_boxes(path: Path) -> None:
    path.write_bytes(struct.pack(">I4s", 8, b"free") * (20 << 17))


def of_chunks(path: Path) -> None:
    path.write_bytes(b"RIFF\4\0\0\0AVI " + b"RIFF\0\0\0\0" * (20 << 17))


def of_sub_blocks(path: Path) -> None:
    screen = b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0)
    path.write_bytes(screen + b"\x21\xff" + b"\1\1" * (10 << 20))


def of_empty_blocks(path: Path) -> None:
    path.write_bytes(b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + b"\x21\xff\0" * (7 << 20))


@pytest.mark.parametrize(
    ("name", "make"),
    [("a.mp4", of_boxes), ("a.avi", of_chunks), ("a.gif", of_sub_blocks), ("b.gif", of_empty_blocks)],
)
def test_twenty_megabytes_of_tiny_blocks_take_no_minutes(tmp_path: Path, name: str, make: Any) -> None:
    make(tmp_path / name)
    begin = time.process_time()
    with pytest.raises(ClipError, match=rf"{name}: it is made of more than [\d,]+ blocks"):
        read_clip(tmp_path / name)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("name", ["index_last.mp4", "a.mkv", "a.webm", "mpeg4.avi", "a.gif"])
def test_a_file_that_is_mostly_holes_was_never_written(
    whole: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """As a download that reserves all of a file's space leaves it. A decoder would search 8 GB of nothing."""
    path = tmp_path / name
    data = whole[name].read_bytes()
    with path.open("wb") as file:
        file.write(data[: len(data) // 2])
        file.truncate(8 << 30)
    if path.stat().st_blocks * 512 > 1 << 30:
        pytest.skip("this file system has no holes")
    begin = time.process_time()
    with pytest.raises(ClipError, match=rf"{name}: the file is cut short: only .* were ever written"):
        read_clip(path)
    assert time.process_time() - begin < 2
