"""Frames -> a video file. Used to make the embedded model's clips and the tests' clips.

Axes: t frame, H height, W width.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import av.error
import numpy as np
from av.video.stream import VideoStream
from PIL import Image

from workbench.errors import ClipError, WriteError
from workbench.files import whole
from workbench.shapes import UInt8


class Encoding(NamedTuple):
    """How FFmpeg writes one codec."""

    encoder: str
    pixel_format: str
    options: dict[str, str]
    crf: int | None
    """Default quality (lower is better, larger file); None where the codec has no such setting."""


# One thread everywhere: x264 and x265 split their work by thread count, so bytes would otherwise depend on
# the machine. `pools=none` and `frame-threads=1` say the same to x265, which ignores FFmpeg's thread count.
# `asm=0`: x264's AVX-512 macroblock tree reads memory that was never set (up to 15 different files from 25
# runs on the same frames); the plain C code gives one file on every CPU, and our clips are small.
CODECS: dict[str, Encoding] = {
    "h264": Encoding("libx264", "yuv420p", {"preset": "medium", "x264-params": "asm=0"}, 20),
    "hevc": Encoding(
        "libx265",
        "yuv420p",
        {"preset": "medium", "x265-params": "log-level=none:pools=none:frame-threads=1"},
        20,
    ),
    "vp9": Encoding("libvpx-vp9", "yuv420p", {"b": "0", "cpu-used": "4", "row-mt": "0"}, 20),
    "vp8": Encoding("libvpx", "yuv420p", {"b": "4M", "cpu-used": "4"}, 10),
    "mpeg4": Encoding("mpeg4", "yuv420p", {"qmin": "2", "qmax": "2"}, None),
    "mjpeg": Encoding("mjpeg", "yuvj420p", {"qmin": "2", "qmax": "2"}, None),
    "ffv1": Encoding("ffv1", "yuv420p", {}, None),
    "gif": Encoding("gif", "pal8", {}, None),
}
"""Codec name -> encoder. Which containers take which codec is FFmpeg's rule (`.gif` takes only "gif")."""


def write_clip(
    path: str | os.PathLike[str],
    frames: UInt8[np.ndarray, "t H W 3"],
    fps: float = 8,
    *,
    codec: str | None = None,
    crf: int | None = None,
) -> Path:
    """Writes frames as a video file, whole or not at all, and returns its path.

    The same frames give the same bytes: one encoding thread, no dates and no program versions in the file.

    Args:
        path: file to write (replaced if there). The suffix picks the container: mp4, mkv, webm, avi, gif, ..
        frames: RGB; H and W even, except for gif.
        fps: frames per second, constant.
        codec: one of `CODECS`; None takes "vp9" for webm, "gif" for gif and "h264" for the rest.
        crf: quality of h264, hevc, vp8 and vp9 (lower is better); None is the codec's default.

    Raises:
        ClipError: frames of another shape or type, an odd size, a codec or container that cannot be written.
    """
    path = Path(path)
    codec = _default_codec(path) if codec is None else codec
    if codec not in CODECS:
        raise ClipError(f"{path}: no codec {codec!r}. Use one of {', '.join(CODECS)}.")
    encoding = CODECS[codec]
    _check(path, frames, fps, encoding, crf)
    if not path.parent.is_dir():
        raise ClipError(f"{path}: the folder {path.parent} does not exist. Make it before writing the clip.")
    try:
        with whole(path) as unfinished:
            _encode(unfinished, frames, Fraction(fps).limit_denominator(100_000), encoding, crf)
    except WriteError:
        raise
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise ClipError(
            f"{path}: FFmpeg cannot write {codec} into a {path.suffix or 'suffixless'} file ({error}). "
            "Use another suffix (.mp4, .mkv, .webm, .avi, .gif) or codec."
        ) from error
    return path


def _default_codec(path: Path) -> str:
    return {".webm": "vp9", ".gif": "gif"}.get(path.suffix.lower(), "h264")


def _check(path: Path, frames: np.ndarray, fps: float, encoding: Encoding, crf: int | None) -> None:
    is_array = isinstance(frames, np.ndarray)
    if not is_array or frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        got = f"{frames.dtype} {frames.shape}" if is_array else f"a {type(frames).__name__}"
        raise ClipError(f"{path}: frames are {got}. Pass a uint8 array (t, H, W, 3) in RGB.")
    if frames.size == 0:
        raise ClipError(f"{path}: frames are {frames.shape}: nothing to write. Pass at least one frame.")
    _, height, width, _ = frames.shape
    if encoding.pixel_format != "pal8" and (height % 2 or width % 2):
        raise ClipError(
            f"{path}: frames are {width}x{height}, but {encoding.encoder} stores colour at half size and "
            "needs even sides. Crop or pad one row or column, or write a gif."
        )
    if not (np.isfinite(fps) and fps > 0):
        raise ClipError(f"{path}: fps={fps}. Use a rate above 0.")
    if crf is not None and encoding.crf is None:
        raise ClipError(f"{path}: {encoding.encoder} has no crf. Leave it out or use h264, hevc, vp8, vp9.")
    if crf is not None and not 0 <= crf <= 63:
        raise ClipError(f"{path}: crf={crf}. Use 0 (best) to 51 (63 for vp8 and vp9).")


def _encode(path: Path, frames: np.ndarray, rate: Fraction, encoding: Encoding, crf: int | None) -> None:
    options = dict(encoding.options)
    quality = encoding.crf if crf is None else crf
    if quality is not None:
        options["crf"] = str(quality)
    # fflags=bitexact: no encoder version, no date and no random ids (Matroska) in the file.
    with av.open(str(path), "w", options={"fflags": "bitexact"}) as container:
        stream = cast(VideoStream, container.add_stream(encoding.encoder, rate=rate, options=options))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = encoding.pixel_format
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = 1 / rate
        for pts, pixels in enumerate(frames):
            frame = _frame(pixels, encoding.pixel_format)
            frame.pts = pts
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _frame(pixels: np.ndarray, pixel_format: str) -> av.VideoFrame:
    """One picture as FFmpeg takes it: true colour, or for gif the 256 colours that suit this picture."""
    if pixel_format != "pal8":
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    image = Image.fromarray(pixels).quantize(256, dither=Image.Dither.NONE)
    palette = np.full((256, 4), 255, np.uint8)  # alpha, red, green, blue
    colours = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(colours), 1:] = colours
    pair = cast(Any, (np.asarray(image), palette))  # PyAV takes this pair; its stubs do not say so
    return av.VideoFrame.from_ndarray(pair, format="pal8")
