"""The frames of a file; and what is no clip: one error, which names the file, the cause and the remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from tests.video.helpers import numbered_frames, write_sound
from tests.video.test_completeness import READERS
from workbench.errors import ClipError
from workbench.video import read_clip
from workbench.video.index import index_by_decoding, read_index


def test_damage_inside(whole: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(whole["index_first.mp4"].read_bytes())
    begin = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[begin : begin + 4000] = bytes(4000)
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(data))
    for reader in ("auto", "pyav"):
        with pytest.raises(ClipError, match=r"a\.mp4: the file is cut short or damaged: .* of 24 frames"):
            read_clip(path, 24, reader=reader)  # type: ignore[arg-type]


# Files that are no clips.


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(5000))


def _sound(path: Path) -> None:
    write_sound(path)


def _picture(path: Path) -> None:
    Image.fromarray(numbered_frames(1)[0]).save(path, format="png")


def _play_list(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n")


def _file_list(path: Path) -> None:
    path.write_text("ffconcat version 1.0\nfile /etc/hostname\n")


def _header_only(path: Path) -> None:
    path.write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41\0\0\0\x08free")


def _nothing(path: Path) -> None:
    pass


def _pipe(path: Path) -> None:
    os.mkfifo(path)


BAD_FILES: list[tuple[str, Callable[[Path], None], str, str]] = [
    ("a.mp4", _empty, r"the file is empty \(0 bytes\)", "Copy or download"),
    (
        "a.mp4",
        _text,
        "holds text, not video: it begins with 'version https://git-lfs",
        "Download the clip itself",
    ),
    ("a.mp4", _noise, "FFmpeg does not know it as a video", "Use an mp4"),
    ("a.mp4", _zeros, "FFmpeg does not know it as a video", "Use an mp4"),
    ("a.m4a", _sound, "only sound, no video", "Use a file with a video stream"),
    ("a.mp4", _sound, "only sound, no video", "Use a file with a video stream"),
    ("a.png", _picture, "a single picture", "put the frames as pictures into a folder"),
    ("a.mp4", _picture, "a single picture", "put the frames as pictures into a folder"),
    ("a.txt", _text, "text", "Download the clip"),
    ("a.m3u8", _play_list, "", ""),
    ("a.mp4", _play_list, "", ""),
    ("a.ffconcat", _file_list, "", ""),
    (
        "a.mp4",
        _header_only,
        "cut short: its index .* is missing; no frame can be decoded",
        "Copy or download",
    ),
    ("a.mp4", _nothing, "there is no such file", "Check the path"),
    ("a.mp4", _pipe, "neither a file nor a folder", "Name a video file"),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("name", "make", "cause", "remedy"), BAD_FILES, ids=lambda value: getattr(value, "__name__", "")
)
def test_bad_file(
    tmp_path: Path, name: str, make: Callable[[Path], None], cause: str, remedy: str, reader: Any
) -> None:
    make(tmp_path / name)
    with pytest.raises(ClipError, match=rf"^{re.escape(str(tmp_path / name))}: .*{cause}.*\. .*{remedy}"):
        read_clip(tmp_path / name, reader=reader)


def test_cover_picture_of_a_song_is_no_video(tmp_path: Path) -> None:
    from typing import cast

    from av.stream import Disposition

    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        sound = cast(Any, container.add_stream("aac", rate=44100))
        cover = cast(Any, container.add_stream("mjpeg", rate=1))
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        for number in range(43):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, number * 1024
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        container.mux(
            cover.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24"))
        )
        container.mux(cover.encode(None))
    with pytest.raises(ClipError, match=r"song\.mp4: the file holds only sound"):
        read_clip(path, 1)


def test_system_errors_become_clip_errors(whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("workbench.video.index.find_cut", refuse)
    with pytest.raises(
        ClipError, match=r"a\.mkv: the file cannot be read \(Permission denied\)\. Check its name"
    ):
        read_clip(whole["a.mkv"])


def test_decoding_gives_the_same_index(clips: dict[str, Path]) -> None:
    for name, path in clips.items():
        one, two = read_index(path), index_by_decoding(path)
        np.testing.assert_allclose(one.times, two.times, err_msg=name)
        assert (one.height, one.width, one.fps) == (two.height, two.width, two.fps)
