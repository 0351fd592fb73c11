"""Subtitles of both benchmarks, in seconds of the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.data.sample import Subtitle
from workbench.data.subtitles import read_json_subtitles, read_srt
from workbench.errors import SampleError

SRT = (
    '\ufeff1\r\n00:00:01,500 --> 00:00:03,000\r\n<font color="white" size=".72c">Two</font>\r\nlines\r\n\r\n'
    "2\r\n01:00:00.25 --> 01:00:02,000 align:start\r\n<i>one hour</i>\r\n\r\n\r\n"
    "00:05 --> 00:06\r\nwithout a number\r\n"
)


def test_srt(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(SRT.encode())
    assert read_srt(tmp_path / "a.srt", tmp_path) == (
        Subtitle(1.5, 3.0, "Two lines"),
        Subtitle(3600.25, 3602.0, "one hour"),
        Subtitle(5.0, 6.0, "without a number"),
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"just words", "has no time range"),
        (b"1\n00:00:xx --> 00:00:02,0\nhi\n", "is no time"),
        (b"\xff\xfe1", "not UTF-8"),
    ],
)
def test_srt_that_cannot_be_read(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_bytes(content)
    with pytest.raises(SampleError, match=said):
        read_srt(tmp_path / "a.srt", tmp_path)


def test_both_forms_of_json(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    body = [
        {"timestamp": [10.0, 12], "text": "one"},
        {"timestamp": [13, None], "text": "to the end"},
        {"start": "00:00:14.5", "end": "00:00:15.0", "line": "clock"},
    ]
    file.write_text(json.dumps(body), "utf-8")
    assert read_json_subtitles(file, tmp_path, begin=10.0, duration=9.0) == (
        Subtitle(0.0, 2.0, "one"),
        Subtitle(3.0, 9.0, "to the end"),
        Subtitle(4.5, 5.0, "clock"),
    )
    for wrong in ({"timestamp": ["a", 1], "text": "x"}, {"timestamp": [0, 1]}, {"text": "x"}, 7, [0, 1, "x"]):
        file.write_text(json.dumps([wrong]), "utf-8")
        with pytest.raises(SampleError, match="is no subtitle"):
            read_json_subtitles(file, tmp_path, begin=0.0, duration=None)
    for time in ("1" + "0" * 400, "1e999", "NaN", "-Infinity"):
        for times in (f"[{time}, 2]", f"[1, {time}]"):
            file.write_text(f'[{{"timestamp": {times}, "text": "x"}}]', "utf-8")
            with pytest.raises(SampleError, match="not those of any video"):
                read_json_subtitles(file, tmp_path, begin=0.0, duration=None)
    file.write_text("{}", "utf-8")
    with pytest.raises(SampleError, match="not a list"):
        read_json_subtitles(file, tmp_path, begin=0.0, duration=None)
