"""decord and PyAV: the frame that was asked, and the same pixels from both."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.video.conftest import FORMATS
from tests.video.helpers import damage, encode, moving, needs_decord, numbered_frames, numbers, rotate
from tests.video.irregular import IRREGULAR, hidden_frames
from workbench.errors import ClipError
from workbench.video import Midpoints, Uniform, has_decord, read_clip, write_clip
from workbench.video.index import read_index
from workbench.video.readers import DecordReader, PyAvReader, VideoReader


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
    if make is not hidden_frames:
        np.testing.assert_allclose(clip.timestamps, np.arange(len(shown)) * step, atol=1e-3)


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


@pytest.mark.parametrize("reader", ["pyav", pytest.param("decord", marks=needs_decord)])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotation_is_applied(clips: dict[str, Path], tmp_path: Path, degrees: int, reader: Any) -> None:
    path = rotate(clips["h264.mp4"], tmp_path / "a.mp4", degrees)
    upright = read_clip(clips["h264.mp4"], 4, reader="pyav").frames
    shown = read_clip(path, 4, reader=reader)
    np.testing.assert_array_equal(shown.frames, np.rot90(upright, -degrees // 90, axes=(1, 2)))
    assert shown.size == ((128, 96) if degrees % 180 else (96, 128))


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


def test_reader_refuses_frames_that_do_not_exist(clips: dict[str, Path]) -> None:
    reader = PyAvReader(read_index(clips["h264.mp4"]))
    for wanted in ([24], [-1], [], [0.5], [[0]]):
        with pytest.raises(ClipError, match=r"h264\.mp4: .*(Use numbers|Pass a list)"):
            reader.get(np.array(wanted))


# Damage.


def verdict(path: Path, reader: Any, frames: int = 100) -> str | np.ndarray:
    """The frames, or what the error says of them."""
    try:
        return read_clip(path, Uniform(frames), reader=reader).frames
    except ClipError as error:
        return str(error)


@pytest.mark.parametrize(
    ("name", "hit", "how"),
    [
        ("h264.mp4", 50, "xor"),
        ("h264.mp4", 73, "xor"),
        ("h264.mp4", 10, "flip"),
        ("mpeg4.mp4", 50, "zero"),
        ("hevc.mp4", 73, "xor"),
        ("hevc.mp4", 50, "cut"),
        ("vp9.webm", 50, "cut"),
        ("vp8.webm", 73, "xor"),
    ],
)
def test_one_verdict_on_a_damaged_packet_whoever_reads(tmp_path: Path, name: str, hit: int, how: str) -> None:
    source = write_clip(tmp_path / name, moving(), codec=name.split(".")[0])
    path = damage(source, tmp_path / f"bad_{name}", hit, how)
    readers = ["auto", "pyav", *["decord"] * has_decord()]
    first, *others = (verdict(path, reader) for reader in readers)
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_damage_in_h264_is_no_frame(tmp_path: Path) -> None:
    """FFmpeg would fill the hole from the frames around it; decord returns that as the frame."""
    source = write_clip(tmp_path / "a.mp4", moving())
    path = damage(source, tmp_path / "bad.mp4", 50, "xor")
    for reader in ("auto", "pyav", *["decord"] * has_decord()):
        for frames in (100, 8):
            said = verdict(path, reader, frames)
            assert isinstance(said, str)
            assert "bad.mp4: the file is cut short or damaged: frame " in said
    # Frames from before the damage are sound.
    np.testing.assert_array_equal(
        read_clip(path, Uniform(4), end=0.5).frames, read_clip(source, Uniform(4), end=0.5).frames
    )


def test_a_picture_of_hevc_that_never_comes_is_damage(tmp_path: Path) -> None:
    """Left alone, every later frame would go by the number of the one before it."""
    path = damage(write_clip(tmp_path / "a.mp4", moving(), codec="hevc"), tmp_path / "bad.mp4", 73, "xor")
    said = verdict(path, "auto")
    assert isinstance(said, str)
    assert "bad.mp4: the file is damaged: 1 of its 100 frames cannot be decoded. Copy or download" in said


def test_motion_jpeg_says_what_is_damaged(tmp_path: Path) -> None:
    path = damage(write_clip(tmp_path / "a.mkv", moving(20), codec="mjpeg"), tmp_path / "b.mkv", 7, "cut")
    assert "damaged" in str(verdict(path, "auto", 20))
