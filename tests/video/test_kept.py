"""A clip out of the cache is the clip that the file gives, to the bit, or the same error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workbench.cache import Cache
from workbench.errors import ClipError
from workbench.video import Clip, Fps, Midpoints, Uniform, kept, read_clip, read_kept, write_clip


def moving(n: int = 24, seed: int = 0) -> np.ndarray:
    first = np.random.default_rng(seed).integers(0, 256, (16, 32, 3), dtype=np.uint8)
    return np.stack([np.roll(first, shift, axis=1) for shift in range(n)])


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", moving(), fps=8)


def same(one: Clip, two: Clip) -> bool:
    arrays = np.array_equal(one.frames, two.frames) and np.array_equal(one.timestamps, two.timestamps)
    return arrays and (one.path, one.duration, one.reader) == (two.path, two.duration, two.reader)


HOW: list[dict[str, Any]] = [
    {"sampling": Midpoints(4)},
    {"sampling": Midpoints(8)},
    {"sampling": Uniform(4)},
    {"sampling": Fps(2)},
    {"sampling": Midpoints(4), "start": 1.0},
    {"sampling": Midpoints(4), "end": 1.0},
]


def test_every_way_to_choose_frames_is_kept_by_itself(tmp_path: Path, video: Path) -> None:
    for turn in range(2):
        cache = Cache(tmp_path / "cache")
        for how in HOW:
            found = read_kept(cache, video, **how)
            assert same(found, read_clip(video, **how)), how
            found.frames[0] = 0  # nobody else sees this
        assert cache.counts()["frames"] == {("found" if turn else "made"): len(HOW)}


def test_a_number_and_its_text_are_one(tmp_path: Path, video: Path) -> None:
    cache = Cache(tmp_path / "cache")
    for sampling in (Midpoints(4), 4, "midpoints(4)"):
        read_kept(cache, str(video), sampling)
    assert cache.counts()["frames"] == {"made": 1, "found": 2}


def test_a_clip_is_its_content_wherever_it_lies(tmp_path: Path, video: Path) -> None:
    cache = Cache(tmp_path / "cache")
    read_kept(cache, video, 4)
    moved = video.rename(tmp_path / "moved.mp4")
    assert same(read_kept(cache, moved, 4), read_clip(moved, 4))
    assert cache.counts()["frames"] == {"made": 1, "found": 1}
    write_clip(moved, moving(seed=1), fps=8)
    assert same(read_kept(cache, moved, 4), read_clip(moved, 4)), "replaced under the same name"
    assert cache.counts()["frames"] == {"made": 2, "found": 1}


def test_a_folder_of_pictures_is_kept_too(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, frame in enumerate(moving(6)):
        Image.fromarray(frame).save(folder / f"{number}.png")
    cache = Cache(tmp_path / "cache")
    for _ in range(2):
        assert same(read_kept(cache, folder, 3), read_clip(folder, 3))
    Image.fromarray(moving(6, seed=2)[0]).save(folder / "2.png")
    assert same(read_kept(cache, folder, 3), read_clip(folder, 3))
    assert cache.counts()["frames"] == {"made": 2, "found": 1}


def test_a_clip_that_cannot_be_read_says_so_each_time_and_is_not_kept(tmp_path: Path, video: Path) -> None:
    cache = Cache(tmp_path / "cache")
    (tmp_path / "bad.mp4").write_bytes(video.read_bytes()[:200])
    for path, how in [
        (tmp_path / "bad.mp4", {"sampling": 4}),
        (tmp_path / "gone.mp4", {"sampling": 4}),
        (video, {"sampling": 4, "start": 99.0}),
        (video, {"sampling": 500}),
        (video, {"sampling": "midpiont(4)"}),
    ]:
        told = []
        for _ in range(2):
            with pytest.raises(ClipError) as caught:
                read_kept(cache, path, **how)
            told.append(str(caught.value))
        with pytest.raises(ClipError) as caught:
            read_clip(path, **how)
        assert told == [str(caught.value)] * 2
    assert cache.counts()["frames"] == {}


def test_limits_hold_for_what_is_kept(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    read_kept(cache, video, 4)
    monkeypatch.setenv("WORKBENCH_MAX_PIXELS", "100")
    with pytest.raises(ClipError, match="at most 100 are read"):
        read_kept(cache, video, 4)


def test_other_decoders_make_it_anew(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache")
    read_kept(cache, video, 4)
    monkeypatch.setattr(kept, "_decoders", lambda: ("another FFmpeg",))
    read_kept(cache, video, 4)
    assert cache.counts()["frames"] == {"made": 2}


def test_a_clip_that_is_replaced_while_it_is_read_is_not_kept(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*args: Any, **how: Any) -> Clip:
        found = read_clip(*args, **how)
        os.utime(video, (1, 1))
        return found

    cache = Cache(tmp_path / "cache")
    monkeypatch.setattr(kept, "read_clip", meanwhile)
    read_kept(cache, video, 4)
    assert cache.counts()["frames"] == {}
