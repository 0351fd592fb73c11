"""Clips that many tests read, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.video.helpers import numbered_frames, remux
from workbench.video import write_clip

# Name, codec, and "decord" where both readers can read it.
FORMATS = [
    ("h264.mp4", "h264", "decord"),
    ("hevc.mp4", "hevc", "decord"),
    ("mpeg4.mp4", "mpeg4", "decord"),
    ("h264.mkv", "h264", "decord"),
    ("hevc.mkv", "hevc", "decord"),
    ("ffv1.mkv", "ffv1", "decord"),
    ("vp9.webm", "vp9", "decord"),
    ("vp8.webm", "vp8", "decord"),
    ("h264.mov", "h264", "decord"),
    ("mpeg4.avi", "mpeg4", "decord"),
    ("mjpeg.avi", "mjpeg", "decord"),
    ("h264.avi", "h264", "pyav"),  # reordered frames, whose time avi does not tell
    ("gif.gif", "gif", "pyav"),
]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip of 24 numbered frames at 8 a second in every format."""
    folder = tmp_path_factory.mktemp("clips")
    return {
        name: write_clip(folder / name, numbered_frames(24), fps=8, codec=codec) for name, codec, _ in FORMATS
    }


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("whole")
    rng = np.random.default_rng(0)
    frames = numbered_frames(24)
    frames[:, 32:] = rng.integers(0, 256, (24, 64, 128, 3), dtype=np.uint8)  # so that each frame weighs
    made = {
        name: write_clip(folder / name, frames, codec=codec)
        for name, codec in [
            ("index_last.mp4", "h264"),
            ("a.mkv", "h264"),
            ("a.webm", "vp9"),
            ("mpeg4.avi", "mpeg4"),
            ("h264.avi", "h264"),
            ("a.gif", "gif"),
        ]
    }
    made["index_first.mp4"] = remux(
        made["index_last.mp4"], folder / "index_first.mp4", container_options={"movflags": "faststart"}
    )
    made["pieces.mp4"] = remux(
        made["index_last.mp4"],
        folder / "pieces.mp4",
        container_options={"movflags": "frag_keyframe+empty_moov", "frag_size": "20000"},
    )
    return made
