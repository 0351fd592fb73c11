"""Clips whose frames carry their number, so that a test sees which frame came back."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from PIL import Image

from workbench.video import has_decord

BITS = 7
BLOCK = 16
BACKGROUND = (200, 90, 20)


def numbered_frames(n: int, height: int = 96, width: int = 128) -> np.ndarray:
    """(n, height, width, 3): orange, with the frame number in black and white blocks along the top."""
    frames = np.empty((n, height, width, 3), np.uint8)
    frames[:] = BACKGROUND
    for number in range(n):
        for bit in range(BITS):
            frames[number, :BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
    return frames


def numbers(frames: np.ndarray) -> list[int]:
    """Reads the numbers back."""
    middle = BLOCK // 2
    return [
        sum(int(frame[middle, bit * BLOCK + middle].mean() > 128) << bit for bit in range(BITS))
        for frame in frames
    ]


def encode(
    path: Path,
    frames: np.ndarray,
    codec: str = "libx264",
    *,
    rate: int = 8,
    pts: Any = None,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Writes what `write_clip` does not: time stamps (`pts`, in ms), pixel formats, groups of pictures."""
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=rate, options=options or {}))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixel_format
        if pts is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number if pts is None else int(pts[number])
            if pts is not None:
                frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def remux(
    source: Path,
    target: Path,
    *,
    skip: int = 0,
    shift: int = 0,
    container_options: dict[str, str] | None = None,
    edit: Any = None,
) -> Path:
    """Copies packets without decoding: leaves out the first `skip`, moves the rest `shift` frames earlier."""
    options = container_options or {}
    with av.open(str(source)) as reading, av.open(str(target), "w", options=options) as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        assert stream.average_rate is not None
        assert stream.time_base is not None
        back = round(shift / stream.average_rate / stream.time_base)
        packets = [packet for packet in reading.demux(stream) if packet.size]
        for number, packet in enumerate(packets[skip:]):
            assert packet.pts is not None
            dts = packet.pts if packet.dts is None else packet.dts
            packet.pts, packet.dts = packet.pts - back, dts - back
            if edit is not None:
                packet = edit(number, packet)
            packet.stream = copy
            writing.mux(packet)
    return target


def moving(n: int = 100, height: int = 96, width: int = 128) -> np.ndarray:
    """(n, height, width, 3): a soft pattern that moves a pixel a frame, so that every packet counts."""
    small = np.random.default_rng(0).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    large = np.asarray(Image.fromarray(small).resize((width + n, height + n), Image.Resampling.BICUBIC))
    return np.stack([large[i : i + height, i : i + width] for i in range(n)])


def damage(source: Path, target: Path, hit: int, how: str) -> Path:
    """Changes one packet: "xor" every 97th byte of its last two thirds, "flip" one bit in its middle,
    "zero" a quarter of it, or "cut" it in half.
    """

    def edit(number: int, packet: Any) -> Any:
        if number != hit:
            return packet
        data = bytearray(bytes(packet))
        size = len(data)
        if how == "xor":
            for place in range(size // 3, size, 97):
                data[place] ^= 0x5A
        elif how == "flip":
            data[size // 2] ^= 1
        elif how == "zero":
            quarter = slice(size // 2, min(size, size // 2 + max(8, size // 4)))
            data[quarter] = bytes(len(data[quarter]))
        else:
            assert how == "cut"
            del data[size // 2 :]
        changed = av.Packet(bytes(data))
        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
        changed.duration, changed.is_keyframe = packet.duration, packet.is_keyframe
        return changed

    return remux(source, target, edit=edit)


def with_title(path: Path, title: bytes, codec: str = "libx264") -> Path:
    """A clip of 8 frames whose titles, the file's and the stream's, hold these bytes."""
    written = "x" * len(title) + "tItLe"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = written
        stream = cast(VideoStream, container.add_stream(codec, rate=8))
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        stream.metadata["title"] = written
        for number, pixels in enumerate(numbered_frames(8)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    assert written.encode() in data
    path.write_bytes(data.replace(written.encode(), title + b"tItLe"))
    return path


def cut(source: Path, target: Path, fraction: float) -> Path:
    """The first part of a file, as an interrupted download leaves it."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * fraction)])
    return target


def rotate(source: Path, target: Path, degrees: int) -> Path:
    """Sets the display matrix in the track header of an mp4, as a phone does (clockwise degrees)."""
    data = bytearray(source.read_bytes())
    cosine, sine = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = struct.pack(">9i", cosine << 16, sine * 65536, 0, -sine * 65536, cosine << 16, 0, 0, 0, 1 << 30)
    # ISO 14496-12, 8.3.2, version 0: the matrix lies 44 bytes after the box's type.
    start = data.index(b"tkhd") + 44
    assert struct.unpack(">9i", data[start : start + 36]) == (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    data[start : start + 36] = matrix
    target.write_bytes(bytes(data))
    return target


def write_sound(path: Path) -> Path:
    """A second of silence, without a video stream."""
    with av.open(str(path), "w") as container:
        stream = cast(Any, container.add_stream("aac", rate=44100))
        silence = np.zeros((1, 1024), np.float32)
        for number in range(43):
            frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 44100, number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


needs_decord = pytest.mark.skipif(not has_decord(), reason="decord has no wheel for this machine")
