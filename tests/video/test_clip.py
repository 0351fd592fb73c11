"""Reading clips: every format, both readers, the frame that was asked."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests import ROOT
from tests.video.helpers import encode, numbered_frames, numbers, remux, rotate
from workbench.errors import ClipError
from workbench.video import Clip, Fps, Midpoints, Uniform, has_decord, read_clip, write_clip
from workbench.video.index import index_by_decoding, read_index
from workbench.video.readers import DecordReader, PyAvReader, VideoReader

needs_decord = pytest.mark.skipif(not has_decord(), reason="decord has no wheel for this machine")

# Name, codec, who reads it under "auto" where decord is installed.
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


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip of 24 numbered frames at 8 a second in every format."""
    folder = tmp_path_factory.mktemp("clips")
    return {
        name: write_clip(folder / name, numbered_frames(24), fps=8, codec=codec) for name, codec, _ in FORMATS
    }


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
    assert clip.reader == (
        by if reader == "auto" and has_decord() else "pyav" if reader == "auto" else reader
    )


@needs_decord
@pytest.mark.parametrize("name", [name for name, _, by in FORMATS if by == "decord"])
def test_both_readers_give_the_same_pixels_in_any_order(clips: dict[str, Path], name: str) -> None:
    index = read_index(clips[name])
    readers: list[VideoReader] = [DecordReader(index), PyAvReader(index)]
    for wanted in ([0, 1, 2], [23, 0, 11, 11], [7], list(range(24))):
        one, two = (reader.get(np.array(wanted)) for reader in readers)
        np.testing.assert_array_equal(one, two)
        assert numbers(one) == wanted


@needs_decord
@pytest.mark.parametrize(
    ("codec", "pixel_format", "height", "options"),
    [
        ("libx264", "yuv444p", 95, {}),
        ("libx264", "yuv422p", 96, {}),
        ("libx264", "yuvj420p", 96, {}),
        ("ffv1", "bgr0", 95, {}),
        ("ffv1", "gray", 96, {}),
    ],
)
def test_other_pixel_formats_and_odd_sizes(
    tmp_path: Path, codec: str, pixel_format: str, height: int, options: dict[str, str]
) -> None:
    frames = numbered_frames(10, height, 127 if height % 2 else 128)
    path = encode(tmp_path / "a.mkv", frames, codec, pixel_format=pixel_format, options=options)
    one, two = (read_clip(path, 5, reader=reader) for reader in ("decord", "pyav"))
    np.testing.assert_array_equal(one.frames, two.frames)
    assert one.frames.shape == (5, *frames.shape[1:])
    assert numbers(one.frames) == Midpoints(5).indices(10, 8.0).tolist()
    if pixel_format != "gray":
        assert np.abs(one.frames[0, -1, -1].astype(int) - (200, 90, 20)).max() <= 3


@needs_decord
@pytest.mark.parametrize(
    ("codec", "pixel_format", "height", "options"),
    [
        ("libx265", "yuv420p10le", 96, {"x265-params": "log-level=none"}),
        ("ffv1", "yuv420p", 95, {}),
    ],
)
def test_where_the_readers_blend_colour_edges_differently(
    tmp_path: Path, codec: str, pixel_format: str, height: int, options: dict[str, str]
) -> None:
    """10 bits, or 4:2:0 with odd sizes: the two FFmpeg versions spread the half-size colour differently."""
    path = encode(
        tmp_path / "a.mkv", numbered_frames(10, height), codec, pixel_format=pixel_format, options=options
    )
    one, two = (read_clip(path, 10, reader=reader).frames.astype(int) for reader in ("decord", "pyav"))
    assert np.abs(one - two).mean() < 1
    np.testing.assert_allclose(one[:, 40:80, 40:80], two[:, 40:80, 40:80], atol=1)  # away from edges


@pytest.mark.parametrize("name", ["h264.mp4", "vp9.webm", "mpeg4.avi", "gif.gif"])
def test_channels_are_red_green_blue(tmp_path: Path, name: str) -> None:
    colours = np.array([(250, 10, 10), (10, 250, 10), (10, 10, 250)], np.uint8)
    frames = np.repeat(colours, 4, axis=0)[:, None, None] * np.ones((1, 32, 32, 1), np.uint8)
    codec = name.split(".")[0]
    path = write_clip(tmp_path / name, frames, codec=codec)
    for reader in ("auto", "pyav"):
        clip = read_clip(path, 3, reader=reader)
        np.testing.assert_allclose(clip.frames[:, 16, 16], colours, atol=15)


# Files in which packets, time stamps and pictures do not simply follow each other.


def _open_hevc(folder: Path) -> Path:
    options = {"x265-params": "log-level=none:keyint=25:min-keyint=25:open-gop=1:bframes=3:scenecut=0"}
    return encode(folder / "open.mkv", numbered_frames(100), "libx265", options=options)


def _open_h264(folder: Path) -> Path:
    options = {"g": "25", "bf": "3", "x264-params": "open-gop=1"}
    return encode(folder / "open.mkv", numbered_frames(100), options=options)


def _edit_list(folder: Path) -> Path:
    whole = encode(folder / "whole.mp4", numbered_frames(100), options={"g": "25", "bf": "2"})
    return remux(whole, folder / "edit.mp4", shift=10, container_options={"avoid_negative_ts": "disabled"})


def _begins_late(folder: Path) -> Path:
    whole = encode(folder / "whole.mkv", numbered_frames(100), options={"g": "25", "bf": "2"})
    return remux(whole, folder / "late.mkv", skip=14)


def _reordered_avi(folder: Path) -> Path:
    return encode(folder / "a.avi", numbered_frames(100), options={"g": "12", "bf": "3"})


def _reordered_mpeg4_avi(folder: Path) -> Path:
    return encode(folder / "a.avi", numbered_frames(100), "mpeg4", options={"g": "12", "bf": "2", "q": "2"})


def _program_stream(folder: Path) -> Path:
    frames = numbered_frames(100)
    return encode(folder / "a.mpg", frames, "mpeg2video", rate=25, options={"g": "12", "bf": "2"})


def _transport_stream(folder: Path) -> Path:
    return encode(folder / "a.ts", numbered_frames(100), options={"g": "25"})


def _hidden_frames(folder: Path) -> Path:
    """VP8 with helper frames: every fifth packet says that its picture is not to be shown."""
    whole = write_clip(folder / "whole.webm", numbered_frames(100), codec="vp8")

    def hide(number: int, packet: Any) -> Any:
        data = bytearray(bytes(packet))
        if number % 5 == 4:
            data[0] &= ~0x10
        changed = av.Packet(bytes(data))
        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
        changed.duration, changed.is_keyframe = packet.duration, packet.is_keyframe
        return changed

    return remux(whole, folder / "hidden.webm", edit=hide)


def _many_groups(folder: Path) -> Path:
    return encode(folder / "many.mp4", numbered_frames(100), options={"g": "7", "bf": "2"})


IRREGULAR: list[tuple[Callable[[Path], Path], list[int]]] = [
    (_open_hevc, list(range(100))),
    (_open_h264, list(range(100))),
    (_edit_list, list(range(10, 100))),
    (_begins_late, list(range(25, 100))),
    (_reordered_avi, list(range(100))),
    (_reordered_mpeg4_avi, list(range(100))),
    (_program_stream, list(range(100))),
    (_transport_stream, list(range(100))),
    (_hidden_frames, [number for number in range(100) if number % 5 != 4]),
    (_many_groups, list(range(100))),
]


@pytest.mark.parametrize(("make", "shown"), IRREGULAR, ids=lambda value: getattr(value, "__name__", ""))
def test_the_frame_that_was_asked(tmp_path: Path, make: Callable[[Path], Path], shown: list[int]) -> None:
    path = make(tmp_path)
    index = read_index(path)
    assert index.n_frames == len(shown)
    for wanted in ([24], [49, 50, 51], [73, 74], [60, 20], [0, len(shown) - 1]):
        picked = np.array(wanted)
        assert numbers(PyAvReader(index).get(picked)) == [shown[number] for number in wanted]
    for n in (1, 8, 40, len(shown)):
        clip = read_clip(path, Uniform(n))
        assert numbers(clip.frames) == [shown[number] for number in Uniform(n).indices(len(shown), 8.0)]
        assert clip.timestamps[0] == 0
    step = 1 / (25 if path.suffix == ".mpg" else 8)
    if make is not _hidden_frames:
        np.testing.assert_allclose(clip.timestamps, np.arange(len(shown)) * step, atol=1e-3)


@needs_decord
@pytest.mark.parametrize("make", [make for make, _ in IRREGULAR if make not in (_many_groups, _open_h264)])
def test_decord_is_kept_from_files_that_it_misnumbers(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    with pytest.raises(ClipError, match=rf"{path.name}: decord cannot be used: .*decord is not exact"):
        read_clip(path, reader="decord")
    assert read_clip(path).reader == "pyav"


def test_decoding_gives_the_same_index(clips: dict[str, Path]) -> None:
    for name, path in clips.items():
        one, two = read_index(path), index_by_decoding(path)
        np.testing.assert_allclose(one.times, two.times, err_msg=name)
        assert (one.height, one.width, one.fps) == (two.height, two.width, two.fps)


def test_packets_that_lie_are_found_out(clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a packet's picture never comes, the file is decoded once more to find its frames."""
    from workbench.video import scan

    real = scan.scan_packets

    def with_ghosts(*arguments: Any) -> Any:
        found = real(*arguments)
        return found._replace(pts=sorted(found.pts + [pts + 1 for pts in found.pts]))

    monkeypatch.setattr("workbench.video.index.scan_packets", with_ghosts)
    clip = read_clip(clips["h264.mp4"], Uniform(24), reader="pyav")
    assert numbers(clip.frames) == list(range(24))


@needs_decord
def test_av1_falls_back_to_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "-1")
    options = {"preset": "12", "svtav1-params": "lp=1"}
    path = encode(tmp_path / "a.mp4", numbered_frames(16), "libsvtav1", options=options)
    clip = read_clip(path, 4)
    assert clip.reader == "pyav"
    assert numbers(clip.frames) == Midpoints(4).indices(16, 8.0).tolist()
    with pytest.raises(ClipError, match=r"a\.mp4: decord cannot be used: .*video stream"):
        read_clip(path, 4, reader="decord")


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


# Rotation, as phones write it.


@pytest.mark.parametrize("reader", ["pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied(clips: dict[str, Path], tmp_path: Path, degrees: int, reader: Any) -> None:
    path = rotate(clips["h264.mp4"], tmp_path / "a.mp4", degrees)
    upright = read_clip(clips["h264.mp4"], 4, reader="pyav").frames
    shown = read_clip(path, 4, reader=reader)
    np.testing.assert_array_equal(shown.frames, np.rot90(upright, -degrees // 90, axes=(1, 2)))
    assert shown.size == ((128, 96) if degrees % 180 else (96, 128))


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


def test_without_decord_pyav_reads(clips: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_clip(clips["h264.mp4"])
    monkeypatch.setitem(sys.modules, "decord", None)
    assert not has_decord()
    clip = read_clip(clips["h264.mp4"])
    assert clip.reader == "pyav"
    np.testing.assert_array_equal(clip.frames, before.frames)
    with pytest.raises(
        ClipError, match=r"h264\.mp4: decord cannot be used: it is not installed.*reader='pyav'"
    ):
        read_clip(clips["h264.mp4"], reader="decord")


@needs_decord
def test_decord_bridge_of_another_tool_is_harmless(clips: dict[str, Path]) -> None:
    import decord

    decord.bridge.set_bridge("torch")
    try:
        frames = read_clip(clips["h264.mp4"], reader="decord").frames
    finally:
        decord.bridge.reset_bridge()
    assert isinstance(frames, np.ndarray)
    assert numbers(frames) == Midpoints(8).indices(24, 8.0).tolist()


def test_paths_that_look_like_something_else(
    clips: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("with space.mp4", "straße 视频.mp4", "http:a.mp4", "%03d.mp4", "-i.mp4", "no_suffix"):
        Path(name).write_bytes(clips["h264.mp4"].read_bytes())
        assert numbers(read_clip(name, 2).frames) == [5, 17], name


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


def test_reader_refuses_frames_that_do_not_exist(clips: dict[str, Path]) -> None:
    reader = PyAvReader(read_index(clips["h264.mp4"]))
    for wanted in ([24], [-1], [], [0.5], [[0]]):
        with pytest.raises(ClipError, match=r"h264\.mp4: .*(Use numbers|Pass a list)"):
            reader.get(np.array(wanted))
