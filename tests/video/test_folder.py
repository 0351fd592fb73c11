"""A folder of pictures as a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.video.helpers import numbered_frames, numbers
from workbench.errors import ClipError
from workbench.video import Fps, Midpoints, Uniform, read_clip


def write_pictures(folder: Path, frames: np.ndarray, pattern: str = "{:05d}.png", first: int = 1) -> Path:
    folder.mkdir()
    for number, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / pattern.format(number + first))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "frames", numbered_frames(24))


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "webp", "bmp", "PNG"])
def test_pictures_of_every_kind(tmp_path: Path, suffix: str) -> None:
    folder = write_pictures(tmp_path / "frames", numbered_frames(24), f"{{:05d}}.{suffix}")
    clip = read_clip(folder, Midpoints(8))
    expected = Midpoints(8).indices(24, 3.0)
    assert numbers(clip.frames) == expected.tolist()
    np.testing.assert_allclose(clip.timestamps, expected / 3)
    assert clip.duration == pytest.approx(8.0)
    assert clip.reader == "folder"
    np.testing.assert_allclose(clip.frames[0, -1, -1], (200, 90, 20), atol=4)  # red, green, blue


def test_natural_order(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "frames", numbered_frames(24), "frame_{}.png", first=0)
    assert numbers(read_clip(folder, Uniform(24)).frames) == list(range(24))


def test_other_files_are_left_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("about these frames")
    (folder / "._00001.png").write_bytes(b"of another system")
    (folder / "00000.png").mkdir()
    assert numbers(read_clip(folder, Uniform(24)).frames) == list(range(24))


def test_rate_and_bounds(folder: Path) -> None:
    clip = read_clip(folder, Uniform(3), start=1, end=2, fps=8)
    assert numbers(clip.frames) == [8, 12, 16]
    np.testing.assert_allclose(clip.timestamps, [1.0, 1.5, 2.0])
    assert numbers(read_clip(folder, Uniform(3), start=1, end=3).frames) == [3, 6, 9]
    assert numbers(read_clip(folder, Fps(1)).frames) == [0, 3, 6, 9, 12, 15, 18, 21]


def test_only_the_sampled_pictures_are_opened(folder: Path) -> None:
    for number in range(2, 24):
        (folder / f"{number:05d}.png").write_bytes(b"not a picture")
    assert numbers(read_clip(folder, Uniform(2)).frames) == [0, 23]


def test_modes_become_rgb_and_cameras_are_turned_upright(tmp_path: Path) -> None:
    pixels = numbered_frames(1)[0]
    for mode in ("RGBA", "P", "L", "CMYK"):
        suffix = "jpg" if mode == "CMYK" else "png"
        folder = tmp_path / mode
        folder.mkdir()
        Image.fromarray(pixels).convert(mode).save(folder / f"1.{suffix}")
        assert read_clip(folder, 1).frames.shape == (1, 96, 128, 3)
    turned = tmp_path / "turned"
    turned.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise
    Image.fromarray(pixels).save(turned / "1.png", exif=exif)
    np.testing.assert_array_equal(read_clip(turned, 1).frames[0], np.rot90(pixels, -1))


def _mixed_sizes(folder: Path) -> None:
    Image.fromarray(numbered_frames(1, 64, 128)[0]).save(folder / "00012.png")


def _corrupt(folder: Path) -> None:
    (folder / "00012.png").write_bytes(b"not a picture")


def _cut(folder: Path) -> None:
    path = folder / "00012.png"
    path.write_bytes(path.read_bytes()[:-80])


def _empty_first(folder: Path) -> None:
    (folder / "00001.png").write_bytes(b"")


def _sixteen_bits(folder: Path) -> None:
    Image.fromarray(np.zeros((96, 128), np.uint16)).save(folder / "00012.png")


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [
        (_mixed_sizes, r"00012\.png is 128x64, but 00001\.png is 128x96\. Give all frames .* one size"),
        (_corrupt, r"00012\.png cannot be read as a picture.*Replace that frame"),
        (_cut, r"00012\.png cannot be read as a picture.*Replace that frame"),
        (_empty_first, r"00001\.png cannot be read as a picture"),
        (_sixteen_bits, r"00012\.png has 16 or 32 bits a colour\. Save it with 8"),
    ],
)
def test_bad_picture(folder: Path, spoil: Any, cause: str) -> None:
    spoil(folder)
    with pytest.raises(ClipError, match=f"frames: {cause}"):
        read_clip(folder, Uniform(24))


def test_folder_without_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"a video, not a frame")
    with pytest.raises(ClipError, match=r"frames: the folder holds no picture \(\.jpg.*name a video file"):
        read_clip(folder)


@pytest.mark.parametrize("fps", [0, -3, float("nan"), float("inf"), "3"])
def test_bad_rate(folder: Path, fps: Any) -> None:
    with pytest.raises(ClipError, match=r"frames: fps=.*above 0"):
        read_clip(folder, fps=fps)


def test_more_frames_than_pictures(folder: Path) -> None:
    with pytest.raises(ClipError, match=r"frames: midpoints\(25\) asks for 25 .* only 24"):
        read_clip(folder, 25)


def test_readers_of_files_do_not_read_folders(folder: Path) -> None:
    with pytest.raises(ClipError, match=r"frames: reader='pyav' reads files.*Leave reader out"):
        read_clip(folder, reader="pyav")


def test_a_picture_is_what_it_is_and_not_what_its_name_says(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "frames", numbered_frames(2))
    Image.fromarray(numbered_frames(1)[0]).save(folder / "00002.jpg", format="png")
    (folder / "00002.png").unlink()
    assert numbers(read_clip(folder, 2).frames) == [0, 0]


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize("kind", ["eps", "tiff", "ppm", "gif", "ico", "tga"])
def test_other_kinds_of_pictures_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """EPS starts Ghostscript; nobody keeps frames in any of these."""
    monkeypatch.setattr("subprocess.check_call", lambda *_, **__: pytest.fail("a program was started"))
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    folder = tmp_path / "frames"
    folder.mkdir()
    if kind == "eps":
        (folder / "0.jpg").write_bytes(EPS)
    else:
        Image.fromarray(numbered_frames(1)[0]).save(folder / "0.jpg", format=kind)
    with pytest.raises(ClipError, match=r"0\.jpg cannot be read .*none of JPEG, PNG, WEBP, BMP\)\. Replace"):
        read_clip(folder, 1)
