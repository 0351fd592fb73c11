"""Reading clips: every format, bounds and samplings, and what cannot be asked of a clip."""

from __future__ import annotations

import itertools
import os
import pickle
import re
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import ROOT
from tests.video.conftest import FORMATS
from tests.video.helpers import encode, needs_decord, numbered_frames, numbers, with_title
from workbench.errors import ClipError
from workbench.video import Clip, Fps, Midpoints, Uniform, read_clip, write_clip


@pytest.mark.parametrize("reader", ["auto", "pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize(("name", "codec", "by"), FORMATS)
def test_every_format(clips: dict[str, Path], name: str, codec: str, by: str, reader: Any) -> None:
    if (reader, by) == ("decord", "pyav"):
        with pytest.raises(ClipError, match=rf"{name}: decord cannot be used: .*Use reader='pyav'"):
            read_clip(clips[name], reader=reader)
        return
    clip = read_clip(clips[name], Midpoints(8), reader=reader)
    expected = Midpoints(8).indices(24, 8.0)
    assert clip.frames.shape == (8, 96, 128, 3)
    assert clip.frames.dtype == np.uint8
    assert numbers(clip.frames) == expected.tolist()
    # gif counts hundredths of a second.
    np.testing.assert_allclose(clip.timestamps, expected / 8, atol=0.006 if codec == "gif" else 1e-6)
    assert clip.duration == pytest.approx(3.0, abs=0.02)
    assert clip.path == clips[name]
    assert clip.reader == ("decord" if reader == "decord" else "pyav")


# Time.


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("webm", "libvpx-vp9")]
)
@pytest.mark.parametrize("reader", ["auto", "pyav"])
def test_variable_rate(tmp_path: Path, suffix: str, codec: str, reader: Any) -> None:
    steps = itertools.cycle([40, 100, 33, 500, 20])
    milliseconds = np.cumsum([0] + [next(steps) for _ in range(29)])
    path = encode(tmp_path / f"a.{suffix}", numbered_frames(30), codec, pts=milliseconds)
    clip = read_clip(path, Uniform(30), reader=reader)
    np.testing.assert_allclose(clip.timestamps, milliseconds / 1000, atol=1e-3)
    assert numbers(clip.frames) == list(range(30))
    # Bounds follow the clock, not the average rate.
    part = read_clip(path, Uniform(3), start=1.0, end=2.0, reader=reader)
    first, last = (int(np.abs(milliseconds / 1000 - bound).argmin()) for bound in (1.0, 2.0))
    assert numbers(part.frames) == np.linspace(first, last, 3, dtype=int).tolist()
    by_clock = read_clip(path, Fps(2), reader=reader)
    assert np.abs(by_clock.timestamps - np.arange(len(by_clock)) / 2).max() <= 0.25


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_clip_that_starts_late_starts_at_zero(tmp_path: Path, suffix: str) -> None:
    path = encode(tmp_path / f"a.{suffix}", numbered_frames(24), pts=np.arange(24) * 125 + 1400)
    for reader in ("auto", "pyav"):
        clip = read_clip(path, Uniform(4), start=1, end=2, reader=reader)
        np.testing.assert_allclose(clip.timestamps, [1.0, 1.25, 1.625, 2.0], atol=1e-3)
        assert numbers(clip.frames) == [8, 10, 13, 16]
        assert clip.duration == pytest.approx(3.0, abs=1e-3)


@pytest.mark.parametrize(
    ("start", "end"),
    [(None, None), (0.0, 3.0), (0.5, 2.5), (1.06, None), (None, 1.2), (2, 3.4), (2.95, None)],
)
def test_bounds_are_the_loaders(clips: dict[str, Path], start: float | None, end: float | None) -> None:
    first = 0 if start is None else min(max(0, round(start * 8)), 23)
    last = 23 if end is None else min(round(end * 8), 23)
    n = min(4, last - first + 1)
    clip = read_clip(clips["h264.mp4"], Midpoints(n), start=start, end=end)
    assert numbers(clip.frames) == Midpoints(n).indices(24, 8.0, first, last).tolist()


@pytest.mark.parametrize("sampling", [Uniform(5), "uniform(5)", Fps(2), "fps(2)", 5, np.int64(5)])
def test_sampling_as_people_type_it(clips: dict[str, Path], sampling: Any) -> None:
    clip = read_clip(str(clips["h264.mp4"]), sampling)
    expected = {5: [2, 7, 11, 16, 20], 6: [0, 4, 8, 12, 16, 20]}
    uniform = [0, 5, 11, 17, 23]
    text = str(sampling)
    assert numbers(clip.frames) == (uniform if "uniform" in text else expected[6 if "fps" in text else 5])


# Threads, forks, memory, surroundings.


def test_threads(clips: dict[str, Path]) -> None:
    expected = {name: read_clip(path, 8).frames for name, path in clips.items()}
    with ThreadPoolExecutor(8) as pool:
        work = [name for name in clips for _ in range(6)]
        for name, clip in zip(work, pool.map(lambda name: read_clip(clips[name], 8), work), strict=True):
            np.testing.assert_array_equal(clip.frames, expected[name])


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
def test_fork(clips: dict[str, Path]) -> None:
    """A worker that is forked after the parent has read can read too."""
    script = (
        "import os, sys\n"
        "from workbench.video import read_clip\n"
        "read_clip(sys.argv[1])\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if len(read_clip(sys.argv[1])) == 8 else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "read_clip(sys.argv[1])\n"
    )
    subprocess.run([sys.executable, "-c", script, clips["h264.mp4"]], check=True, timeout=60, cwd=ROOT)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak memory as Linux counts it")
@pytest.mark.parametrize("reader", ["pyav", pytest.param("decord", marks=needs_decord)])
def test_only_sampled_frames_are_kept(tmp_path: Path, reader: str) -> None:
    """720 frames of 640x360 are 498 MB; eight of them are 5.5 MB."""
    frame = numbered_frames(1, 360, 640)
    path = write_clip(tmp_path / "long.mkv", np.broadcast_to(frame, (720, 360, 640, 3)), codec="mpeg4")
    script = (
        "import resource, sys\n"
        "from workbench.video import read_clip, has_decord\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "has_decord()\n"
        "before = peak()\n"
        "clip = read_clip(sys.argv[1], 8, reader=sys.argv[2])\n"
        "assert clip.frames.nbytes == clip.frames.base.nbytes if clip.frames.base is not None else True\n"
        "print(peak() - before)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, path, reader], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert float(found.stdout) < 120


def test_paths_that_look_like_something_else(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("with space.mp4", "straße 视频.mp4", "http:a.mp4", "%03d.mp4", "-i.mp4", "no_suffix"):
        if sys.getfilesystemencoding() == "ascii" and not name.isascii():
            continue  # no such file can be made
        Path(name).write_bytes(clips["h264.mp4"].read_bytes())
        assert numbers(read_clip(name, 2).frames) == [5, 17], name


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "libx264"), ("mkv", "libx264"), ("mov", "libx264"), ("avi", "mpeg4"), ("webm", "libvpx-vp9")],
)
@pytest.mark.parametrize("title", ["Été à la mer".encode("latin-1"), b"\xff\xfe\x80"])
def test_a_title_in_another_encoding_is_no_obstacle(
    tmp_path: Path, suffix: str, codec: str, title: bytes
) -> None:
    path = with_title(tmp_path / f"a.{suffix}", title, codec)
    assert numbers(read_clip(path, Uniform(8)).frames) == list(range(8))


@pytest.mark.parametrize(
    "error", [UnicodeDecodeError("utf-8", b"\xc9", 0, 1, "no"), MemoryError(), KeyError(3)]
)
@pytest.mark.parametrize("name", ["index_first.mp4", "frames"])
def test_whatever_a_reader_raises_is_a_clip_error(
    whole: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, name: str
) -> None:
    def stumble(*_: object) -> None:
        raise error

    monkeypatch.setattr("workbench.video.clip.PyAvReader.get", stumble)
    monkeypatch.setattr("workbench.video.clip.FolderReader.get", stumble)
    path = whole.get(name) or tmp_path / name
    if name == "frames":
        path.mkdir()
        Image.fromarray(numbered_frames(1)[0]).save(path / "0.png")
    with pytest.raises(ClipError, match=rf"{name}: it cannot be read \({type(error).__name__}: .*Convert it"):
        read_clip(path, 1)


@pytest.mark.parametrize(("written", "asked"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_with_accents_is_found_in_either_form(
    clips: dict[str, Path], tmp_path: Path, written: Any, asked: Any
) -> None:
    (tmp_path / unicodedata.normalize(written, "à.mp4")).write_bytes(clips["h264.mp4"].read_bytes())
    assert numbers(read_clip(tmp_path / unicodedata.normalize(asked, "à.mp4"), 2).frames) == [5, 17]


# Clip.


def test_clip_tells_what_it_is(clips: dict[str, Path]) -> None:
    clip = read_clip(clips["h264.mp4"], 4)
    assert len(clip) == 4
    assert clip.size == (96, 128)
    assert repr(clip) == f"Clip({str(clips['h264.mp4'])!r}, 4 frames 128x96, 0.25..2.38 s)"
    memory = Clip(frames=clip.frames, timestamps=[0, 1, 2, 3])  # type: ignore[arg-type]
    assert memory.timestamps.dtype == np.float64
    assert memory.path is None
    assert repr(memory) == "Clip(None, 4 frames 128x96, 0.00..3.00 s)"


@pytest.mark.parametrize(
    ("frames", "timestamps", "cause"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), [0, 1], "frames are float32.*uint8"),
        ([[0]], [0, 1], "frames are list"),
        (np.zeros((4, 4, 3), np.uint8), [0], r"shape \(4, 4, 3\)"),
        (np.zeros((2, 3, 4, 4), np.uint8), [0, 1], r"shape \(2, 3, 4, 4\)"),
        (np.zeros((0, 4, 4, 3), np.uint8), [], r"shape \(0, 4, 4, 3\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), [0], "2 frames, but timestamps"),
        (np.zeros((2, 4, 4, 3), np.uint8), [0, float("nan")], "2 frames, but timestamps"),
    ],
)
def test_clip_refuses_what_is_no_clip(frames: Any, timestamps: Any, cause: str) -> None:
    with pytest.raises(ClipError, match=f"memory: .*{cause}"):
        Clip(frames=frames, timestamps=timestamps)


def test_clip_travels_between_processes(clips: dict[str, Path]) -> None:
    clip = read_clip(clips["h264.mp4"], 4)
    copy = pickle.loads(pickle.dumps(clip))
    np.testing.assert_array_equal(copy.frames, clip.frames)
    assert repr(copy) == repr(clip)


def test_missing_file_names_its_neighbour(whole: dict[str, Path]) -> None:
    wrong = whole["index_first.mp4"].with_name("index_frist.mp4")
    with pytest.raises(ClipError, match=r"no such file\. Check the path\. Did you mean 'index_first\.mp4'"):
        read_clip(wrong)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission(whole: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(whole["a.mkv"].read_bytes())
    path.chmod(0)
    with pytest.raises(
        ClipError, match=r"a\.mp4: the file cannot be read \(Permission denied\)\. Check its name"
    ):
        read_clip(path)


# Requests that a good clip (24 frames, 3 seconds) cannot meet.

BAD_REQUESTS: list[tuple[dict[str, Any], str]] = [
    ({"start": 2, "end": 1}, r"the bounds are empty: start=2, end=1 s\. Use an end that lies after"),
    ({"start": 1, "end": 1}, "the bounds are empty"),
    ({"end": 0}, "the bounds are empty"),
    ({"start": 3}, r"start=3 s is outside the clip, which lasts 3\.00 s\. Use a smaller start"),
    ({"start": 100, "end": 200}, "start=100 s is outside the clip"),
    ({"end": 3.6}, r"end=3\.6 s is outside the clip, which lasts 3\.00 s\. Use a smaller end"),
    ({"start": 1, "end": 200}, "end=200 s is outside the clip"),
    ({"start": -1}, r"start=-1\. Give start in seconds, from 0 to 3\.00"),
    ({"end": -0.5}, r"end=-0\.5\. Give end in seconds"),
    ({"start": float("nan")}, r"start=nan\. Give start in seconds"),
    ({"end": float("nan")}, "end=nan"),
    ({"end": float("inf")}, "end=inf"),
    ({"start": "1"}, "start='1' is a str"),
    ({"end": True}, "end=True is a bool"),
    ({"sampling": 25}, r"midpoints\(25\) asks for 25 frames, but the clip has only 24, .* at most 24"),
    ({"sampling": "uniform(1000)"}, r"uniform\(1000\) asks for 1000 frames"),
    (
        {"sampling": 9, "start": 1, "end": 1.9},
        ".* of the clip's 24, the bounds leave only 8.*widen the bounds",
    ),
    ({"sampling": "fps(30)"}, r"fps\(30\) asks for 30 frames per second, but the clip has 8"),
    ({"fps": 3}, r"fps=3 is for folders, and this is a file\. Leave fps out"),
    ({"reader": "decrod"}, r"there is no reader 'decrod'\. Did you mean 'decord'\? Use one of auto"),
    ({"reader": None}, "there is no reader None"),
]


@pytest.mark.parametrize(("request_", "cause"), BAD_REQUESTS, ids=lambda value: str(value)[:40])
def test_bad_request(whole: dict[str, Path], request_: dict[str, Any], cause: str) -> None:
    for name in ("index_first.mp4", "a.gif"):
        if name == "a.gif" and ("3.00" in cause.replace("\\", "") or "has 8" in cause):
            continue  # gif rounds its times
        with pytest.raises(ClipError, match=rf"{re.escape(name)}: {cause}"):
            read_clip(whole[name], **request_)


@pytest.mark.parametrize("sampling", [0, -1, "midpoints(0)", "often", 1.5, None])
def test_bad_sampling(whole: dict[str, Path], sampling: Any) -> None:
    with pytest.raises(ClipError, match=r"midpoints\(|sampling"):
        read_clip(whole["a.mkv"], sampling)
