"""What a video file holds, before any picture is decoded: which frames there are and when each is shown.

PyAV reads it for both readers, so that both mean the same picture by "frame 12" and refuse a bad file in the
same words. One pass over the packets is enough for a regular file; the others are decoded once, picture by
picture, keeping none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av.error
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from workbench.errors import ClipError
from workbench.shapes import Float, Int, shaped
from workbench.video.completeness import Cut, find_cut
from workbench.video.errors import clip_error
from workbench.video.limits import check_picture, max_pixels
from workbench.video.scan import (
    PATIENCE,
    Scan,
    announced_size,
    open_container,
    scan_packets,
    scan_pictures,
    video_stream,
)

# FFmpeg also "plays" texts, pictures and lists of other files. Those are mistakes here.
_NOT_CLIPS = {"tty", "image2", "concat", "hls", "dash", "sdp", "rtsp", "lavfi", "ffmetadata"}
_RENEW = "Copy or download it again"
_PICTURE_A_PACKET = {"hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "mjpeg", "ffv1"}
"""Codecs whose every shown packet is one picture; H.264 and the MPEGs may keep half a picture in each."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileIndex:
    """The frames of one video file, in the order in which they are shown."""

    path: Path
    height: int
    width: int
    """Size as shown, after `quarter_turns`."""
    quarter_turns: int
    """Counter-clockwise quarter turns from the stored picture to the shown one (phones store it so)."""
    fps: float
    """Average frames per second."""
    times: Float[np.ndarray, " n"]
    """Seconds since the first frame."""
    duration: float
    """Seconds, the last frame's own time included."""
    pts: Int[np.ndarray, " n"] | None
    """The container's time stamps; None where only counting pictures tells them apart."""
    keys: Int[np.ndarray, " k"]
    """Time stamps at which decoding can begin, sorted; empty without `pts`."""
    irregular: str | None
    """Why frame numbers cannot be had from the packets' order alone; None for a regular file."""
    codec: str
    """FFmpeg's name of the decoder."""

    @property
    def n_frames(self) -> int:
        return len(self.times)


def read_index(path: Path) -> FileIndex:
    """Finds every frame of a video file.

    Raises:
        ClipError: the file is empty, cut short, damaged, or holds no video.
    """
    if path.stat().st_size == 0:
        raise clip_error(path, "the file is empty (0 bytes)", f"{_RENEW}.")
    cut = find_cut(path)
    try:
        with open_container(path) as container:
            stream = _check_stream(path, container)
            is_avi = "avi" in container.format.name
            scan = scan_packets(container, stream)
            stopped = scan.damaged or scan.uncountable
            if cut is None and not (is_avi or stopped) and scan.n_packets < stream.frames:
                cut = Cut(f"its header announces {stream.frames} frames, but only {scan.n_packets} are in it")
            damaged = cut or (Cut(scan.damaged) if scan.damaged else None)
            if damaged is None and not stopped and scan.picture and scan.pts:
                return _make_index(path, stream, scan, seekable=True)
    except av.error.FFmpegError as error:
        raise _not_opened(path, cut, error) from error
    return index_by_decoding(path, damaged=damaged, irregular=scan.uncountable)


def index_again(index: FileIndex) -> FileIndex:
    """The frames of a file whose pictures do not come as its packets announce them.

    Raises:
        ClipError: it is damaged: a picture is, or does not come at all where every packet should give one.
    """
    counted = index_by_decoding(index.path)
    lost = index.n_frames - counted.n_frames
    if index.irregular is None and index.codec in _PICTURE_A_PACKET and lost > 0:
        raise clip_error(
            index.path,
            f"the file is damaged: {lost} of its {index.n_frames} frames cannot be decoded",
            f"{_RENEW}.",
        )
    return counted


def index_by_decoding(path: Path, *, damaged: Cut | None = None, irregular: str | None = None) -> FileIndex:
    """As `read_index`, by decoding the whole file once, for files whose packets do not tell.

    Args:
        path: a file with a video stream.
        damaged: what shows that the file was cut or damaged; the error then says how much can be decoded.
        irregular: why the packets do not tell.
    """
    with open_container(path) as container:
        stream = _check_stream(path, container)
        scan = scan_pictures(container, stream)
        # avi headers are often a little off in old files: there, only lost frames count as a cut.
        whole = "avi" in container.format.name and 0 < stream.frames <= len(scan.pts)
        reason = scan.damaged or (None if scan.picture else "it holds no picture")
        if scan.picture is None and not stream.codec_context.width:
            reason = f"{reason}; or its frames have more than {max_pixels():,} pixels"
        if damaged is not None and not whole:
            reason = damaged.reason
        if reason is not None or scan.picture is None:
            n = len(scan.pts)
            promised = stream.frames or _promised(container, stream)
            count = f"{n} of {promised}" if promised > n else str(n)
            if damaged is not None and damaged.whole_frames is not None:
                count = f"the first {damaged.whole_frames}"
            raise clip_error(
                path,
                f"the file is cut short or damaged: {reason}; {count} frames can be decoded",
                f"{_RENEW}, or keep the good part with `ffmpeg -i {path.name} repaired.mp4`.",
            )
        scan = scan._replace(irregular=irregular or "its packets and its pictures do not match one to one")
        return _make_index(path, stream, scan, seekable=False)


def _check_stream(path: Path, container: InputContainer) -> VideoStream:
    kind = container.format.name
    if kind.endswith("_pipe") or kind in _NOT_CLIPS:
        raise clip_error(
            path,
            f"this is not a video but a single picture, a text or a list of other files (FFmpeg: {kind})",
            "Use a video file, or put the frames as pictures into a folder and read the folder.",
        )
    stream = video_stream(container)
    if stream is None:
        what = "only sound" if container.streams.best("audio") else "no pictures"
        raise clip_error(path, f"the file holds {what}, no video", "Use a file with a video stream.")
    if stream.codec_context is None:
        raise clip_error(
            path,
            "this FFmpeg has no decoder for its video",
            f"Convert it: `ffmpeg -i {path.name} -c:v libx264 converted.mp4`.",
        )
    width, height = stream.codec_context.width, stream.codec_context.height
    if not width:  # some decoders forget the size of what is too large for them
        width, height = announced_size(path, stream.index)
    if width and height:
        check_picture(path, width, height)
    return stream


def _make_index(path: Path, stream: VideoStream, scan: Scan, *, seekable: bool) -> FileIndex:
    assert scan.picture is not None
    pts = np.array(scan.pts, dtype=np.int64)
    n = len(pts)
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    if (n > 1 and (np.diff(pts) <= 0).any()) or stream.time_base is None:
        rate = rate or 25.0  # FFmpeg's own default for streams without any timing
        times = np.arange(n) / rate
    else:
        times = (pts - pts[0]) * float(stream.time_base)
        if not is_constant(times, rate):
            rate = (n - 1) / times[-1] if n > 1 else rate or 1.0
    last = scan.last_duration * float(stream.time_base or 0)
    return FileIndex(
        path=path,
        height=scan.picture.height,
        width=scan.picture.width,
        quarter_turns=scan.picture.quarter_turns,
        fps=rate,
        times=times,
        duration=float(times[-1]) + (last if last > 0 else 1 / rate),
        pts=pts if seekable else None,
        keys=np.array(scan.keys if seekable else [], dtype=np.int64),
        irregular=scan.irregular,
        codec=stream.codec_context.name,
    )


@shaped
def is_constant(times: Float[np.ndarray, " n"], fps: float) -> bool:
    """Is every frame within half a frame of i / fps, so that numbers and seconds convert by the rate?"""
    return fps > 0 and bool(np.abs(times * fps - np.arange(len(times))).max() < 0.5)


def _promised(container: InputContainer, stream: VideoStream) -> int:
    """Frames that a container without a frame count should hold, from its duration and rate."""
    return round((container.duration or 0) / 1e6 * float(stream.average_rate or 0))


def _not_opened(path: Path, cut: Cut | None, error: av.error.FFmpegError) -> ClipError:
    if isinstance(error, av.error.ExitError):
        return clip_error(path, f"nothing was found in it for {PATIENCE} seconds", f"{_RENEW}.")
    if cut is not None:
        cause = f"the file is cut short: {cut.reason}; no frame can be decoded"
        return clip_error(path, cause, f"{_RENEW}.")
    with path.open("rb") as file:
        head = file.read(60)
    text = head.decode("ascii", errors="replace")
    if all(letter.isprintable() or letter.isspace() for letter in text.replace("\ufffd", "\0")):
        start = " ".join(text[:40].split())
        cause = f"the file holds text, not video: it begins with {start!r}"
        return clip_error(
            path, cause, "Download the clip itself (this may be a web page or a git-lfs pointer)."
        )
    cause = f"FFmpeg does not know it as a video ({error.strerror})"
    return clip_error(path, cause, "Use an mp4, mkv, webm, avi or gif file, or a folder of frames.")
