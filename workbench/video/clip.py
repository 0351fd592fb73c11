"""A clip: the sampled frames of one video, and the one function that reads them.

Axes: t frame, H height, W width.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from workbench.errors import ClipError, near_matches
from workbench.shapes import Float, UInt8
from workbench.spelling import spelled
from workbench.video.errors import clip_error
from workbench.video.folder import FolderReader
from workbench.video.index import index_again, is_constant, read_index
from workbench.video.limits import check_frames
from workbench.video.readers import DecordReader, PacketsDiffer, PyAvReader, Refused, VideoReader
from workbench.video.sampling import Midpoints, Sampling, as_sampling

ReaderName = Literal["auto", "decord", "pyav"]
READERS = ("auto", "decord", "pyav")

END_SLACK = 0.5
"""Seconds by which a bound may exceed the clip: annotations are often rounded to whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Clip:
    """Sampled frames of one video."""

    frames: UInt8[np.ndarray, "t H W 3"]
    """RGB."""
    timestamps: Float[np.ndarray, " t"]
    """Seconds since the first frame of the file."""
    path: Path | None = None
    """Where the frames come from; None for frames made in memory."""
    duration: float | None = None
    """Seconds of the whole file, not of the sampled part."""
    reader: str | None = None
    """What read them: "decord", "pyav" or "folder"."""

    def __post_init__(self) -> None:
        where = self.path or "A clip from memory"
        frames, timestamps = self.frames, np.asarray(self.timestamps, dtype=np.float64)
        if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8:
            got = frames.dtype if isinstance(frames, np.ndarray) else type(frames).__name__
            raise ClipError(f"{where}: frames are {got}. Pass a NumPy array of uint8, 0 to 255.")
        if frames.ndim != 4 or frames.shape[3] != 3 or 0 in frames.shape:
            raise ClipError(f"{where}: frames have the shape {frames.shape}. Pass (t, H, W, 3) in RGB.")
        if timestamps.shape != (len(frames),) or not np.isfinite(timestamps).all():
            raise ClipError(
                f"{where}: {len(frames)} frames, but timestamps {timestamps}. Pass seconds, one a frame."
            )
        object.__setattr__(self, "timestamps", timestamps)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame, in pixels."""
        return self.frames.shape[1], self.frames.shape[2]

    def __repr__(self) -> str:
        height, width = self.size
        times = f"{self.timestamps[0]:.2f}..{self.timestamps[-1]:.2f} s"
        return (
            f"Clip({str(self.path) if self.path else None!r}, {len(self)} frames {width}x{height}, {times})"
        )


def read_clip(
    path: str | os.PathLike[str],
    sampling: Sampling | int | str = Midpoints(8),  # noqa: B008 - frozen
    *,
    start: float | None = None,
    end: float | None = None,
    reader: ReaderName = "auto",
    fps: float | None = None,
) -> Clip:
    """Reads the sampled frames of a video file or of a folder of pictures; no other frame stays in memory.

    Safe to call from several threads and processes: each call opens the file for itself.

    Args:
        path: mp4, mkv, webm, avi, gif, .. or a folder of pictures in natural order.
        sampling: `Midpoints(8)`, `Uniform(8)`, `Fps(1)`, their text ("fps(1)"), or a number of midpoints.
        start: seconds since the first frame at which sampling begins. The frame is `round(start * fps)`, as
            the TVBench loaders have it, or the nearest in time where the rate varies.
        end: seconds at which it ends, included. Up to half a second beyond the clip means its last frame.
        reader: "auto" is "pyav"; "decord" gives the same pixels of regular files, and PyAV checks it.
        fps: rate of a folder of pictures; None is 3 a second (TVQA's). Files say theirs themselves.

    Damage that the decoder notices on the way to the sampled frames is an error; `PyAvReader` says what it
    does not notice. Frames above `limits.MAX_PIXELS` are refused before they are decoded.

    Raises:
        ClipError: the file cannot be read, the bounds are outside it, or it has fewer frames than asked.
    """
    sampling = as_sampling(sampling)
    if reader not in READERS:
        raise ClipError(
            f"{path}: there is no reader {reader!r}.{near_matches(str(reader), READERS)} "
            f"Use one of {', '.join(READERS)}."
        )
    path = Path(path)
    try:
        return _read(path, sampling, start, end, reader, fps)
    except ClipError:
        raise
    except OSError as error:
        raise clip_error(
            path, f"the file cannot be read ({error.strerror or error})", "Check its name and permissions."
        ) from error
    except Exception as error:  # decoders meet what nobody foresaw: one odd clip must not end a whole run
        raise clip_error(
            path,
            f"it cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]})",
            f"Convert it: `ffmpeg -i {path.name} converted.mp4`, or leave it out.",
        ) from error


def _read(
    path: Path,
    sampling: Sampling,
    start: float | None,
    end: float | None,
    reader: ReaderName,
    fps: float | None,
) -> Clip:
    path = spelled(path)
    if not path.exists():
        beside = islice((file.name for file in path.parent.glob("*")), 1000)
        near = near_matches(path.name, beside)
        raise clip_error(path, "there is no such file", f"Check the path.{near}")
    if path.is_dir():
        if reader != "auto":
            raise clip_error(
                path, f"reader={reader!r} reads files, and this is a folder", "Leave reader out."
            )
        return _take(FolderReader(path, 3.0 if fps is None else fps), path, sampling, start, end)
    if fps is not None:
        raise clip_error(
            path, f"fps={fps} is for folders, and this is a file", "Leave fps out, or use Fps(..)."
        )
    if not path.is_file():
        raise clip_error(path, "this is neither a file nor a folder", "Name a video file.")
    open_reader = DecordReader if reader == "decord" else PyAvReader
    index = read_index(path)
    try:
        try:
            return _take(open_reader(index), path, sampling, start, end)
        except PacketsDiffer:
            return _take(open_reader(index_again(index)), path, sampling, start, end)
    except Refused as refusal:
        raise clip_error(
            path, f"decord cannot be used: {refusal}", "Use reader='pyav' or 'auto'."
        ) from refusal


def _take(
    reader: VideoReader, path: Path, sampling: Sampling, start: float | None, end: float | None
) -> Clip:
    first, last = _range(reader, path, start, end)
    try:
        indices = sampling.indices(reader.n_frames, reader.fps, first, last, times=reader.times)
    except ClipError as error:
        raise ClipError(f"{path}: {error}") from None
    height, width = reader.size
    check_frames(path, len(indices), width, height)
    try:
        frames = reader.get(indices)
    finally:
        reader.close()
    return Clip(
        frames=frames,
        timestamps=reader.times[indices],
        path=path,
        duration=reader.duration,
        reader=reader.name,
    )


def _range(reader: VideoReader, path: Path, start: float | None, end: float | None) -> tuple[int, int]:
    """First and last frame, both included, for bounds in seconds."""
    duration = reader.duration
    for name, bound in (("start", start), ("end", end)):
        if bound is None:
            continue
        if isinstance(bound, bool) or not isinstance(bound, (int, float, np.integer, np.floating)):
            cause = f"{name}={bound!r} is a {type(bound).__name__}"
        elif not math.isfinite(bound) or bound < 0:
            cause = f"{name}={bound}"
        else:
            continue
        raise clip_error(path, cause, f"Give {name} in seconds, from 0 to {duration:.2f}, or None.")
    if start is not None and start >= duration:
        raise clip_error(
            path, f"start={start} s is outside the clip, which lasts {duration:.2f} s", "Use a smaller start."
        )
    if end is not None and end > duration + END_SLACK:
        raise clip_error(
            path,
            f"end={end} s is outside the clip, which lasts {duration:.2f} s",
            "Use a smaller end, or None.",
        )
    if end is not None and end <= (start or 0):
        raise clip_error(
            path, f"the bounds are empty: start={start}, end={end} s", "Use an end that lies after the start."
        )
    final = reader.n_frames - 1
    first = 0 if start is None else min(_frame_at(reader, start), final)
    last = final if end is None else min(_frame_at(reader, end), final)
    return first, last


def _frame_at(reader: VideoReader, seconds: float) -> int:
    """MVBench's and TVBench's `round(seconds * fps)`, or the nearest frame in time where the rate varies."""
    if is_constant(reader.times, reader.fps):
        return round(seconds * reader.fps)
    return int(np.abs(reader.times - seconds).argmin())
