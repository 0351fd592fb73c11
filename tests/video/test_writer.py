"""Writing clips: what comes back, the same bytes for the same frames, and what cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import ROOT
from tests.video.helpers import numbered_frames, numbers
from workbench.errors import ClipError
from workbench.video import Midpoints, read_clip, write_clip

FORMATS = [
    ("a.mp4", "h264"),
    ("a.mp4", "hevc"),
    ("a.mp4", "mpeg4"),
    ("a.mkv", "h264"),
    ("a.mkv", "ffv1"),
    ("a.webm", "vp9"),
    ("a.webm", "vp8"),
    ("a.avi", "mpeg4"),
    ("a.avi", "mjpeg"),
    ("a.gif", "gif"),
]


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_frames_come_back(tmp_path: Path, name: str, codec: str) -> None:
    frames = numbered_frames(20)
    clip = read_clip(write_clip(tmp_path / name, frames, fps=10, codec=codec), Midpoints(20))
    assert numbers(clip.frames) == list(range(20))
    np.testing.assert_allclose(clip.timestamps, np.arange(20) / 10, atol=1e-6)
    assert clip.duration == pytest.approx(2.0, abs=0.05)
    assert np.abs(clip.frames.astype(int) - frames).mean() < 3.5


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_same_frames_give_the_same_bytes(tmp_path: Path, name: str, codec: str) -> None:
    rng = np.random.default_rng(0)
    frames = numbered_frames(24)
    frames[:, 30:60, 30:90] = rng.integers(0, 256, (24, 30, 60, 3), dtype=np.uint8)
    one = write_clip(tmp_path / name, frames, codec=codec).read_bytes()
    held = [np.ones(rng.integers(1, 100_000), np.uint8) for _ in range(5)]  # other addresses
    two = write_clip(tmp_path / f"other.{name}", frames.copy(), codec=codec).read_bytes()
    assert one == two
    assert len(held) == 5


def test_bytes_do_not_depend_on_memory(tmp_path: Path) -> None:
    """x264's vector code reads memory that it never set: fill fresh memory differently and compare."""
    script = (
        "import sys, hashlib\n"
        "from tests.video.helpers import numbered_frames\n"
        "from workbench.video import write_clip\n"
        "print(hashlib.sha256(write_clip(sys.argv[1], numbered_frames(40)).read_bytes()).hexdigest())\n"
    )
    digests = set()
    for fill in ("0", "85", "200"):
        found = subprocess.run(
            [sys.executable, "-W", "error", "-c", script, str(tmp_path / "a.mp4")],
            env={**os.environ, "MALLOC_PERTURB_": fill},
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        assert not found.stderr
        digests.add(found.stdout)
    assert len(digests) == 1


def test_suffix_picks_the_codec_and_the_path_comes_back(tmp_path: Path) -> None:
    frames = numbered_frames(4)
    for name, magic in (
        ("a.mp4", b"ftyp"),
        ("a.webm", b"webm"),
        ("a.gif", b"GIF89a"),
        ("a.mkv", b"matroska"),
    ):
        path = write_clip(str(tmp_path / name), frames)
        assert path == tmp_path / name
        assert magic in path.read_bytes()[:64]


def test_crf_trades_size_for_quality(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (8, 64, 64, 3), dtype=np.uint8)
    good = write_clip(tmp_path / "good.mp4", frames, crf=10).stat().st_size
    poor = write_clip(tmp_path / "poor.mp4", frames, crf=40).stat().st_size
    assert poor < good / 2


def test_colours_keep_their_order(tmp_path: Path) -> None:
    colours = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255)], np.uint8)
    frames = np.tile(colours[:, None, None], (1, 32, 32, 1))
    for name in ("a.mp4", "a.webm", "a.gif"):
        clip = read_clip(write_clip(tmp_path / name, frames), 3)
        np.testing.assert_allclose(clip.frames[:, 16, 16], colours, atol=12)


def test_a_clip_that_was_there_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", numbered_frames(4))
    write_clip(tmp_path / "a.mp4", numbered_frames(9))
    assert len(read_clip(tmp_path / "a.mp4", 9)) == 9
    with pytest.raises(ClipError):
        write_clip(tmp_path / "a.mp4", numbered_frames(4), codec="vp9", crf=99)
    with pytest.raises(ClipError, match=r"a\.gif: FFmpeg cannot write h264 into a \.gif"):
        write_clip(tmp_path / "a.gif", numbered_frames(4), codec="h264")
    with pytest.raises(ClipError, match=r"a\.txt: FFmpeg cannot write h264 into a \.txt"):
        write_clip(tmp_path / "a.txt", numbered_frames(4))
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


FRAMES = numbered_frames(2, 32, 128)


@pytest.mark.parametrize(
    ("frames", "options", "cause"),
    [
        (FRAMES.astype(np.float32), {}, r"float32 \(2, 32, 128, 3\)\. Pass a uint8"),
        (FRAMES[0], {}, r"uint8 \(32, 128, 3\)"),
        (FRAMES.transpose(0, 3, 1, 2), {}, r"\(2, 3, 32, 128\)"),
        ([1, 2], {}, "a list"),
        (FRAMES[:0], {}, "nothing to write"),
        (FRAMES[:, :31], {}, "128x31.*even"),
        (FRAMES[:, :, :127], {}, "127x32.*even"),
        (FRAMES, {"fps": 0}, "fps=0"),
        (FRAMES, {"fps": float("nan")}, "fps=nan"),
        (FRAMES, {"codec": "h265"}, "no codec 'h265'.*hevc"),
        (FRAMES, {"crf": -1}, "crf=-1"),
        (FRAMES, {"codec": "mpeg4", "crf": 20}, "has no crf"),
    ],
)
def test_what_cannot_be_written(tmp_path: Path, frames: Any, options: dict[str, Any], cause: str) -> None:
    with pytest.raises(ClipError, match=rf"a\.mp4: .*{cause}"):
        write_clip(tmp_path / "a.mp4", frames, **options)
    assert not list(tmp_path.iterdir())


def test_the_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ClipError, match="nowhere does not exist"):
        write_clip(tmp_path / "nowhere" / "a.mp4", FRAMES)
