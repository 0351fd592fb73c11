"""Subtitle files with anything in them: lines, or our error."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.values import LEAF, TEXT, VALUE, as_json, attempt, confined, few, spoilt
from workbench.data.subtitles import read_json_subtitles, read_srt

SRT = b"1\n00:00:00,000 --> 00:00:00,500\n<i>first</i> words\n\n2\n00:00:00,600 --> 01:02:09.5 X1:3\nlast\n\n"
PIECES = st.one_of(
    TEXT,
    st.sampled_from(
        (
            *(
                "1",
                "\n",
                "\n\n",
                "\r\n",
                "\r",
                " --> ",
                "-->",
                "00:00:01,000",
                "9999:59:59,999999",
                "00:61:99",
            ),
            *(
                "\u0660\u0660:\u0660\u0661:\u0660\u0662",
                "1:2",
                "-00:00:01,0",
                "<i>",
                "</i>",
                "<" * 300,
                "WEBVTT\n\n",
            ),
            *("00:61:99", "WEBVTT\n\n", "NOTE x\n\n", "{\\an8}", "00:00:02,000 --> 00:00:01,000\n", " " * 50),
        )
    ),
)
WRITTEN = st.lists(PIECES, max_size=20).map(lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass"))
JSON = b'[{"timestamp": [0.0, 0.5], "text": "hello"}]'
CLOCK = st.sampled_from(("00:00:01.0", "00:99:00", "x", "", "9" * 30, "1:00", "00:00:01,5")) | TEXT
LINE = st.one_of(
    VALUE,
    st.fixed_dictionaries({"timestamp": st.lists(LEAF, min_size=1, max_size=3) | LEAF, "text": LEAF}),
    st.fixed_dictionaries({"start": CLOCK | LEAF, "end": CLOCK | LEAF, "line": LEAF}),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("subtitles") / "set"
    root.mkdir()
    (root.parent / "outside").mkdir()
    return root


def assert_lines(found: Any) -> None:
    for start, end, text in found or ():
        assert math.isfinite(start)
        assert math.isfinite(end)
        assert isinstance(text, str)


@few(40)
@given(
    content=st.lists(PIECES, max_size=20).map("".join).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | spoilt(SRT)
)
def test_any_srt(folder: Path, content: bytes) -> None:
    file = folder / "a.srt"
    file.write_bytes(content)
    with confined(folder, folder.parent / "outside"):
        assert_lines(attempt(lambda: read_srt(file, folder)))


@few(40)
@given(
    content=(st.lists(LINE, max_size=3) | VALUE).map(as_json)
    | spoilt(b'[{"timestamp": [0.0, 0.5], "text": "hello"}]'),
    begin=st.floats(-1e9, 1e9),
    duration=st.none() | st.floats(-1e9, 1e9),
)
def test_any_json(folder: Path, content: bytes, begin: float, duration: float | None) -> None:
    file = folder / "a.json"
    file.write_bytes(content)
    with confined(folder, folder.parent / "outside"):
        assert_lines(attempt(lambda: read_json_subtitles(file, folder, begin=begin, duration=duration)))


UNITS = (
    "\n",
    " ",
    "<",
    "<i>",
    "-->",
    "a --> ",
    "1\n",
    "0:",
    "\n \n",
    "\r",
    "00:00:00,000 --> 00:00:01,000\n\n",
)


@pytest.mark.parametrize("unit", UNITS)
def test_long_files_take_linear_time(folder: Path, unit: str) -> None:
    """Quadratic time would take minutes."""
    file = folder / "long.srt"
    for text in (
        unit * (300_000 // len(unit)),
        f"1\n{unit * (300_000 // len(unit))}x",
        f"\n{' ' * 300_000}{unit}",
    ):
        file.write_text(text, encoding="utf-8")
        attempt(lambda: read_srt(file, folder))
