"""No picture is decoded that is larger than is allowed."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import ROOT
from tests.video.helpers import encode, numbered_frames, numbers
from workbench.errors import ClipError
from workbench.video import Uniform, read_clip, write_clip
from workbench.video.limits import MAX_PIXELS, VARIABLE, check_frames, check_picture, max_pixels


def test_the_limit_lies_above_8k() -> None:
    assert 8192 * 4320 < MAX_PIXELS < 2 * 8192 * 4320
    check_picture(Path("a"), 8192, 4320)
    with pytest.raises(ClipError, match=r"a: a frame is 8192x8192, 67,108,864 pixels; at most 36,000,000"):
        check_picture(Path("a"), 8192, 8192)
    with pytest.raises(ClipError, match="a frame is 0x9"):
        check_picture(Path("a"), 0, 9)


def test_a_clip_holds_555_frames_of_full_hd() -> None:
    check_frames(Path("a"), 555, 1920, 1080)
    with pytest.raises(ClipError, match=r"556 frames of 1920x1080 take 3\.2 GiB.*Sample at most 555 frames"):
        check_frames(Path("a"), 556, 1920, 1080)


@pytest.mark.parametrize("text", ["0", "-1", "many", "1e9", "9" * 5000, "\u0663"])
def test_a_limit_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ClipError, match=rf"{VARIABLE}=.* whole number from 1"):
        max_pixels()


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.mkv", "a.avi", "a.gif", "a.ts", "frames"])
def test_the_limit_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = tmp_path / name
    if name == "frames":
        path.mkdir()
        for number, pixels in enumerate(numbered_frames(8)):
            Image.fromarray(pixels).save(path / f"{number}.png")
    else:
        write_clip(path, numbered_frames(8))
    monkeypatch.setenv(VARIABLE, str(128 * 96))
    assert numbers(read_clip(path, 8).frames) == list(range(8))
    monkeypatch.setenv(VARIABLE, str(128 * 96 - 1))
    with pytest.raises(ClipError, match=rf"128x96, 12,288 pixels; at most 12,287 .* {VARIABLE}=12288"):
        read_clip(path, 8)
    monkeypatch.delenv(VARIABLE)
    assert len(read_clip(path, 8)) == 8


def test_all_frames_together_are_limited_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered_frames(40))
    monkeypatch.setenv(VARIABLE, str(128 * 96))
    assert len(read_clip(path, Uniform(32))) == 32
    with pytest.raises(
        ClipError, match=rf"a\.mp4: 33 frames of 128x96 .*at most 32 frames.*{VARIABLE}=12672"
    ):
        read_clip(path, Uniform(33))
    monkeypatch.setenv(VARIABLE, "12672")
    assert len(read_clip(path, Uniform(33))) == 33


def png(width: int, height: int) -> bytes:
    """A black picture of 1 bit a pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    screen = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return b"GIF89a" + screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2L\1\0;"


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Small files of huge pictures."""
    folder = tmp_path_factory.mktemp("bombs")
    (folder / "a.gif").write_bytes(gif(16_000, 16_000))
    for name, size in (("frames", 13_000), ("larger", 60_000)):
        (folder / name).mkdir()
        (folder / name / "0.jpg").write_bytes(png(size, size))
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory as Linux counts it")
@pytest.mark.parametrize("name", ["a.gif", "frames", "larger"])
def test_a_small_file_of_a_huge_picture_costs_nothing(bombs: dict[str, Path], name: str) -> None:
    script = (
        "import resource, sys\n"
        "from workbench.errors import ClipError\n"
        "from workbench.video import read_clip\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    read_clip(sys.argv[1], 1)\n"
        "except ClipError as error:\n"
        "    print(error)\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    told = [sys.executable, "-W", "ignore", "-c", script, str(bombs[name])]
    found = subprocess.run(told, check=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    said, megabytes = found.stdout.splitlines()
    assert "exceeds limit" in said or "at most 36,000,000 are read" in said
    assert int(megabytes) < 100


def test_a_stream_that_is_larger_than_its_container_says(tmp_path: Path, monkeypatch: Any) -> None:
    """The size in the container's header is only announced; the decoder is held to the limit as well."""
    small = encode(tmp_path / "small.mp4", numbered_frames(4, 64, 64))
    large = encode(tmp_path / "large.mp4", np.zeros((4, 512, 512, 3), np.uint8))
    data, donor = bytearray(large.read_bytes()), small.read_bytes()
    place, found = data.index(b"tkhd"), donor.index(b"tkhd")
    data[place + 80 : place + 88] = donor[found + 80 : found + 88]
    place, found = data.index(b"avc1", data.index(b"stsd")), donor.index(b"avc1", donor.index(b"stsd"))
    data[place + 28 : place + 32] = donor[found + 28 : found + 32]
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(data))
    monkeypatch.setenv(VARIABLE, str(128 * 128))
    begin = time.process_time()
    with pytest.raises(ClipError):
        read_clip(path, 1)
    assert time.process_time() - begin < 2
