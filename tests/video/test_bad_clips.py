"""What is no clip, or cannot be asked of one: one error, which names file, cause and remedy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.video.helpers import cut, numbered_frames, remux, write_sound
from workbench.errors import ClipError, WorkbenchError
from workbench.video import Midpoints, read_clip, write_clip
from workbench.video.completeness import find_cut

READERS = ["auto", "pyav", "decord"]


@pytest.fixture(scope="module")
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

    import av
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


def test_system_errors_become_clip_errors(whole: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("workbench.video.index.find_cut", refuse)
    with pytest.raises(
        ClipError, match=r"a\.mkv: the file cannot be read \(Permission denied\)\. Check its name"
    ):
        read_clip(whole["a.mkv"])


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


def test_one_error_class() -> None:
    with pytest.raises(WorkbenchError):
        read_clip("nowhere.mp4")
    with pytest.raises(ValueError, match="nowhere"):
        read_clip("nowhere.mp4", Midpoints(1))
