"""Was a file cut? Read from its outermost structure, without decoding.

A half-copied file often opens and decodes, up to a point, without any complaint from the decoder. The
containers that we support say how long they are meant to be, so a cut shows as a block that runs past the
end of the file.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from workbench.video.errors import clip_error
from workbench.video.limits import check_picture

# Blocks that hold pictures or the index to them; a cut in anything else does no harm.
_MP4_NEEDED = (b"moov", b"mdat", b"moof")
_MP4_KNOWN = (*_MP4_NEEDED, b"ftyp", b"free", b"skip", b"wide", b"uuid", b"styp", b"sidx", b"pnot", b"meta")
_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067

MOST_BLOCKS = 500_000
"""Outermost blocks of a file; one that was recorded in pieces of a second has as many after three days."""
MOST_GIF_BLOCKS = 2_000_000
"""Blocks of at most 255 bytes: those of a GIF of 500 MB."""


class Cut(NamedTuple):
    """Proof that a file is shorter than it is meant to be."""

    reason: str
    whole_frames: int | None = None
    """Frames before the cut, where the structure shows them (gif)."""


def find_cut(path: Path) -> Cut | None:
    """Proof that the file was cut; None where nothing speaks for it.

    Knows mp4 and mov, Matroska and WebM, avi, gif; says nothing about other containers. Raises ClipError,
    before it takes minutes, for a file that is mostly holes, or of more blocks than any recording has.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        written = _written(file.fileno(), size)
        if written < size / 2:
            raise clip_error(
                path,
                f"the file is cut short: only {written:,} of its {size:,} bytes were ever written",
                "Copy or download it again.",
            )
        head = file.read(12)
        file.seek(0)
        if head[4:8] in _MP4_KNOWN:
            return _mp4(file, size, path)
        if head[:4] == _EBML.to_bytes(4, "big"):
            return _matroska(file, size)
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return _avi(file, size, path)
        if head[:6] in (b"GIF87a", b"GIF89a"):
            check_picture(path, *struct.unpack("<HH", head[6:10].ljust(4, b"\1")))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _gif(data, path)
    return None


def _written(file: int, size: int) -> int:
    """Bytes that are not holes. Programs that reserve a file's whole size before they fill it leave holes, in
    which decoders search for gigabytes; where the file system does not tell, all bytes count.
    """
    written = position = 0
    try:
        for _ in range(1000):
            position = os.lseek(file, position, os.SEEK_DATA)
            hole = os.lseek(file, position, os.SEEK_HOLE)
            written, position = written + hole - position, hole
            if position >= size:
                break
        else:
            return size
    except (OSError, AttributeError) as problem:  # AttributeError: a system that knows no holes
        if getattr(problem, "errno", None) != errno.ENXIO:  # ENXIO: no data after this position
            written = size
    finally:
        os.lseek(file, 0, os.SEEK_SET)
    return written


def _check_count(path: Path, blocks: int, most: int) -> None:
    if blocks > most:
        raise clip_error(
            path,
            f"it is made of more than {most:,} blocks, as no recording is",
            "It is damaged, or made to do harm: copy or download it again.",
        )


def _runs_past(block: str, end: int, size: int) -> Cut:
    return Cut(f"its {block} should end at byte {end:,}, but the file ends at byte {size:,}")


def _mp4(file: BinaryIO, size: int, path: Path) -> Cut | None:
    """ISO 14496-12, 4.2: boxes of (32-bit size, type, [64-bit size]); size 0 runs to the end of the file."""
    position, seen, blocks = 0, set(), 0
    while position + 8 <= size:
        blocks += 1
        _check_count(path, blocks, MOST_BLOCKS)
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            extended = file.read(8)
            length = int.from_bytes(extended, "big") if len(extended) == 8 else size
        elif length == 0:
            length = size - position
        if length < 8 or not kind.isalnum():
            break  # padding after the last box
        seen.add(kind)
        if kind in _MP4_NEEDED and position + length > size:
            return _runs_past(f"{kind.decode()} box", position + length, size)
        position += length
    else:
        if b"moov" not in seen:
            return Cut("its index (the moov box) is missing")
    return None


def _matroska(file: BinaryIO, size: int) -> Cut | None:
    """RFC 8794 (EBML): element id and size are of variable length; a size of all ones is unknown (live)."""
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(12)
        id_length = 9 - head[0].bit_length()
        if id_length > 4 or len(head) <= id_length:
            return None
        identity = int.from_bytes(head[:id_length], "big")
        if identity not in (_EBML, _SEGMENT):
            return None
        size_length = 9 - head[id_length].bit_length()
        raw = int.from_bytes(head[id_length : id_length + size_length], "big")
        length = raw & ((1 << 7 * size_length) - 1)
        if length == (1 << 7 * size_length) - 1:
            return None
        position += id_length + size_length + length
        if position > size:
            return _runs_past("segment" if identity == _SEGMENT else "header", position, size)
    return None


def _avi(file: BinaryIO, size: int, path: Path) -> Cut | None:
    """RIFF chunks of (type, 32-bit size); files above 1 GB are a row of them (OpenDML)."""
    position, blocks = 0, 0
    while position + 8 <= size:
        blocks += 1
        _check_count(path, blocks, MOST_BLOCKS)
        file.seek(position)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind != b"RIFF":
            return None
        position += 8 + length + length % 2
        if position - length % 2 > size:
            return _runs_past("RIFF chunk", position, size)
    return None


def _gif(data: mmap.mmap, path: Path) -> Cut | None:
    """GIF89a: header, colour table, then blocks until the trailer 0x3B; blocks are chains of sub-blocks."""
    cut = "its end mark is missing"
    pictures = blocks = 0

    def table(flags: int) -> int:
        return 3 << ((flags & 7) + 1) if flags & 0x80 else 0

    if len(data) < 13:
        return Cut(cut, 0)
    position = 13 + table(data[10])
    while position < len(data):
        kind = data[position]
        if kind == 0x3B:
            return None
        if kind == 0x21:
            position += 2
        elif kind == 0x2C:
            if position + 9 >= len(data):
                return Cut(cut, pictures)
            position += 11 + table(data[position + 9])
        else:
            return None  # not a GIF block: the decoder decides
        while position < len(data) and data[position]:
            position += data[position] + 1
            blocks += 1
            _check_count(path, blocks, MOST_GIF_BLOCKS)
        blocks += 1
        _check_count(path, blocks, MOST_GIF_BLOCKS)
        if position >= len(data):
            break
        position += 1
        pictures += kind == 0x2C
    return Cut(cut, pictures)
