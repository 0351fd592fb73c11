"""Subtitle files: srt, and LongVideoBench's two forms of JSON."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.data.confine import inside
from workbench.data.sample import Subtitle
from workbench.errors import SampleError, shown
from workbench.foreign import read_bytes, read_json
from workbench.typed import HIGHEST

_RANGE = re.compile(r"\s*(\S+)\s+-->\s+(\S+).*")
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,6})?)")
_TAG = re.compile(r"<[^<>]{0,200}>")
_MOST_BYTES = 32 * 2**20


def read_srt(file: Path, root: Path) -> tuple[Subtitle, ...]:
    """The lines of an srt file, without its tags. Raises SampleError where it is none."""
    if not inside(file, root):
        raise SampleError(f"{file} is a link that leads out of {root}: put the subtitles themselves there")
    content = read_bytes(file, error=SampleError, most_bytes=_MOST_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise SampleError(f"{file} is not UTF-8 text (byte {problem.start}). Save it as UTF-8.") from None
    found = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = block.strip("\n").split("\n")
        at = next((number for number, line in enumerate(lines[:2]) if _RANGE.fullmatch(line)), None)
        if at is None:
            if block.strip():
                raise SampleError(f"{file} is no srt file: {shown(block.strip()[:60])} has no time range")
            continue
        times = _RANGE.fullmatch(lines[at])
        assert times is not None
        said = " ".join(_TAG.sub("", line).strip() for line in lines[at + 1 :]).strip()
        found.append(Subtitle(_seconds(times[1], file), _seconds(times[2], file), said))
    return tuple(found)


def read_json_subtitles(
    file: Path, root: Path, *, begin: float, duration: float | None
) -> tuple[Subtitle, ...]:
    """LongVideoBench's: a list of {"timestamp": [start, end], "text"} or {"start", "end", "line"}.

    `begin` is what the file calls the first second of the clip; an end that it does not know is that of the
    clip. Raises SampleError.
    """
    if not inside(file, root):
        raise SampleError(f"{file} is a link that leads out of {root}: put the subtitles themselves there")
    content = read_json(file, error=SampleError, most_bytes=_MOST_BYTES)
    if not isinstance(content, list):
        raise SampleError(f"{file} holds {shown(content)}, not a list of subtitles")
    return tuple(_line(entry, file, begin, duration) for entry in content)


def _line(entry: object, file: Path, begin: float, duration: float | None) -> Subtitle:
    if isinstance(entry, dict) and isinstance(entry.get("timestamp"), list) and len(entry["timestamp"]) == 2:
        (start, end), text = entry["timestamp"], entry.get("text")
        end = begin + (duration or 0.0) if not isinstance(end, int | float) else end
    elif (
        isinstance(entry, dict) and isinstance(entry.get("start"), str) and isinstance(entry.get("end"), str)
    ):
        start, end = _seconds(entry["start"], file), _seconds(entry["end"], file)
        text = entry.get("line")
    else:
        raise SampleError(f"{file}: {shown(entry)} is no subtitle: it needs times and a text")
    if not isinstance(start, int | float) or not isinstance(text, str) or isinstance(start, bool):
        raise SampleError(f"{file}: {shown(entry)} is no subtitle: it needs times and a text")
    if not all(abs(time) <= HIGHEST for time in (start, end)):  # nor is NaN
        raise SampleError(f"{file}: {shown(entry)} is no subtitle: its times are not those of any video")
    return Subtitle(float(start) - begin, float(end) - begin, text)


def _seconds(text: str, file: Path) -> float:
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        raise SampleError(f"{file}: {shown(text)} is no time: write 00:01:02,500")
    return 3600 * int(found[1] or 0) + 60 * int(found[2]) + float(found[3].replace(",", "."))
