"""1,350 spoilt clips, folders of frames and annotations: each is read or refused, and costs little."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import ROOT
from tests.faults.mutation import mutants
from tests.video.helpers import damage, moving
from workbench.errors import ClipError
from workbench.video import Uniform, read_clip, write_clip

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does"),
]

EACH = 80
CLIPS = [
    ("h264.mp4", "h264"),
    ("hevc.mp4", "hevc"),
    ("h264.mkv", "h264"),
    ("vp9.webm", "vp9"),
    ("vp8.webm", "vp8"),
    ("mpeg4.avi", "mpeg4"),
    ("mjpeg.avi", "mjpeg"),
    ("ffv1.mkv", "ffv1"),
    ("h264.mov", "h264"),
    ("h264.ts", "h264"),
    ("gif.gif", "gif"),
]
PICTURES = ["png", "jpg", "webp", "bmp"]
ANNOTATIONS = 150
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 10**30, 2**63, 1e308, float("nan"), float("inf"), -0.5),
    *("", " ", "x" * 100_000, "\0", "\ud800", "\x1b[2J", "../a.mp4", "/etc/passwd", "a/../../b", "C:\\a"),
    *([], {}, [[]], [None], [1, 2], ["a"] * 27, ["a", "a"], ["a", 1], {"a": "b"}),
    *("all", "\u202egpj", "e\u0301", "."),
)
"""What nobody expects in a field."""


def read_all(folder: Path, *, most_seconds: float = 15, most_megabytes: float = 900) -> dict[str, int]:
    """Reads what is in the folder, in another process; how often each outcome came."""
    told = [sys.executable, "-W", "ignore", "-m", "tests.faults.read_spoilt", str(folder)]
    found = subprocess.run(told, capture_output=True, text=True, cwd=ROOT, timeout=280, check=False)
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    names = sorted(path.name for path in folder.iterdir())
    assert found.returncode == 0, (names[len(lines)], found.returncode, found.stderr[-2000:])
    assert [line["name"] for line in lines] == names
    counts: dict[str, int] = {}
    for line in lines:
        assert line["outcome"] in ("frames", "samples", "ClipError", "SampleError"), line
        assert line["seconds"] < most_seconds, line
        assert line["peak"] < most_megabytes, line
        counts[line["outcome"]] = counts.get(line["outcome"], 0) + 1
    return counts


@pytest.mark.parametrize(("name", "codec"), CLIPS)
def test_spoilt_clips(tmp_path: Path, name: str, codec: str) -> None:
    data = write_clip(tmp_path / name, moving(16), codec=codec).read_bytes()
    folder = tmp_path / "spoilt"
    folder.mkdir()
    (folder / f"whole_{name}").write_bytes(data)
    for number, spoilt in enumerate(mutants(data, EACH, name)):
        (folder / f"{number:03d}_{name}").write_bytes(spoilt)
    counts = read_all(folder)
    assert sum(counts.values()) == EACH + 1
    assert counts["frames"] >= 1, "the one that is whole"
    assert counts["ClipError"] >= 10
    print(name, counts)


@pytest.mark.parametrize("kind", PICTURES)
def test_spoilt_pictures(tmp_path: Path, kind: str) -> None:
    source = tmp_path / f"a.{kind}"
    Image.fromarray(moving(1)[0]).save(source)
    data = source.read_bytes()
    folder = tmp_path / "spoilt"
    for number, spoilt in enumerate((data, *mutants(data, EACH, kind))):
        clip = folder / f"{number:03d}"
        clip.mkdir(parents=True)
        (clip / f"1.{kind}").write_bytes(data)
        (clip / f"2.{kind}").write_bytes(spoilt)
    counts = read_all(folder)
    assert sum(counts.values()) == EACH + 1
    assert counts["frames"] >= 1
    print(kind, counts)


def test_spoilt_annotations(tmp_path: Path) -> None:
    entries = [
        {
            "video": f"clip_{number}.mp4",
            "question": "Où va la balle ?",
            "candidates": ["left", "right", "à côté"],
            "answer": "à côté",
            "start": 0.5,
            "end": 12,
        }
        for number in range(6)
    ]
    data = json.dumps(entries, ensure_ascii=False).encode()
    folder = tmp_path / "spoilt"
    rng = random.Random(0)
    made = [data, *mutants(data, ANNOTATIONS // 2, "json")]
    while len(made) <= ANNOTATIONS:
        changed: Any = copy.deepcopy(entries)
        for _ in range(rng.choice((1, 1, 3, 20))):
            rng.choice(changed)[rng.choice([*entries[0], "stem", "open_answer"])] = rng.choice(VALUES)
        made.append(json.dumps(changed).encode())
    made[-1], made[-2] = b"[" * 100_000, b'[{"video":' * 50_000
    for number, spoilt in enumerate(made):
        root = folder / f"{number:03d}"
        (root / "json").mkdir(parents=True)
        (root / "video").mkdir()
        (root / "json" / "moving.json").write_bytes(spoilt)
        for clip in range(6):
            (root / "video" / f"clip_{clip}.mp4").write_bytes(b"x")
    counts = read_all(folder)
    assert sum(counts.values()) == ANNOTATIONS + 1
    assert counts["samples"] >= 60, "where only some entries are spoilt, the others are read"
    assert counts["SampleError"] >= 20
    print(counts)


NOTICED: list[tuple[str, str, dict[str, int]]] = [
    ("h264.mp4", "h264", {"xor": 24, "flip": 25, "zero": 24, "cut": 25}),
    ("mpeg4.mp4", "mpeg4", {"xor": 25, "flip": 12, "zero": 25, "cut": 25}),
    ("mjpeg.mkv", "mjpeg", {"xor": 24, "flip": 4, "zero": 25, "cut": 25}),
    ("hevc.mp4", "hevc", {"xor": 19, "flip": 14, "zero": 19, "cut": 25}),
    ("ffv1.mkv", "ffv1", {"xor": 3, "flip": 0, "zero": 8, "cut": 25}),
    ("vp9.webm", "vp9", {"xor": 0, "flip": 0, "zero": 0, "cut": 3}),
    ("vp8.webm", "vp8", {"xor": 0, "flip": 0, "zero": 0, "cut": 4}),
]
"""Of 25 files each; docs/clips.md says so. Another FFmpeg may differ by a few."""


@pytest.mark.parametrize(("name", "codec", "expected"), NOTICED)
def test_how_much_damage_is_noticed(tmp_path: Path, name: str, codec: str, expected: dict[str, int]) -> None:
    source = write_clip(tmp_path / name, moving(), codec=codec)
    whole = read_clip(source, Uniform(100)).frames
    noticed = dict.fromkeys(expected, 0)
    for how in noticed:
        for hit in range(0, 100, 4):
            path = damage(source, tmp_path / f"bad_{name}", hit, how)
            try:
                frames: Any = read_clip(path, Uniform(100)).frames
            except ClipError:
                noticed[how] += 1
            else:
                assert frames.shape == np.shape(whole), "never fewer frames, and never shifted"
    print(name, noticed)
    for how, count in expected.items():
        assert abs(noticed[how] - count) <= 3, (how, noticed)
