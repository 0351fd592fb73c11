"""One pass over a video stream: over its packets, which is fast, or over its decoded pictures."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import av
import av.error
from av.container import InputContainer
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from workbench.video.limits import max_pixels

EXACT_CONTAINERS = {"mp4", "mov", "matroska", "webm", "avi"}
"""FFmpeg's names of the containers in which a jump to a key frame lands there. In others, mpeg among them,
decord returns wrong frames, and PyAV decodes from the beginning."""


class Picture(NamedTuple):
    """What one decoded picture tells about the whole file."""

    height: int
    width: int
    quarter_turns: int


class Scan(NamedTuple):
    """The packets of the video stream, or the pictures decoded from them."""

    pts: list[int]
    keys: list[int]
    picture: Picture | None
    last_duration: int
    n_packets: int
    """All packets, or as many as were read before the scan stopped."""
    irregular: str | None
    uncountable: str | None
    """Why the packets do not even say how many frames there are."""
    damaged: str | None


PATIENCE = 120
"""Seconds after which opening a file, or reading its next packet, is given up."""


def open_container(path: Path) -> InputContainer:
    """Opens a local file and nothing else: a play list inside it cannot reach out to a network.

    Opening decodes the first picture of some formats, so the limit on pixels is set before. Titles in another
    encoding than UTF-8 are no obstacle.
    """
    return av.open(
        f"file:{path.absolute()}",
        options={"protocol_whitelist": "file", "max_pixels": str(max_pixels()), "threads": "1"},
        metadata_errors="replace",
        timeout=PATIENCE,
    )


def announced_size(path: Path, stream: int) -> tuple[int, int]:
    """Width and height that the container's header gives a stream, found without a decoder; 0 for unknown."""
    options = {"protocol_whitelist": "file", "codec_whitelist": "none"}
    with av.open(f"file:{path.absolute()}", options=options, metadata_errors="replace") as container:
        found = container.streams[stream].codec_context
        return (found.width, found.height) if isinstance(found, VideoCodecContext) else (0, 0)


def video_stream(container: InputContainer) -> VideoStream | None:
    """The stream that FFmpeg deems the main one; cover pictures of audio files do not count.

    It decodes in one thread: with several, FFmpeg marks a damaged picture or not depending on which thread is
    first. Read several clips at once to use more cores. Motion JPEG reports damage only if told to.
    """
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        return None
    if stream.codec_context is not None:
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {
            "max_pixels": str(max_pixels()),
            **({"err_detect": "explode"} if stream.codec_context.name == "mjpeg" else {}),
        }
    return stream


def quarter_turns(frame: av.VideoFrame) -> int:
    """Counter-clockwise quarter turns that the container asks for; mirrors are left out, as decord does."""
    return round(frame.rotation / 90) % 4


def scan_packets(container: InputContainer, stream: VideoStream) -> Scan:
    """Reads every packet and decodes the first picture only; stops early where packets cannot tell."""
    pts: list[int] = []
    keys: list[int] = []
    picture: Picture | None = None
    irregular = uncountable = damaged = None
    n_packets = last_duration = 0
    is_ts = container.format.name == "mpegts"  # broken packets are common there, at the start of a recording
    container_names = set(container.format.name.split(","))
    can_jump = bool(container_names & EXACT_CONTAINERS)
    if not can_jump:
        irregular = f"its container is {container.format.long_name}"
    is_vp8 = stream.codec_context.name in ("vp8", "libvpx")
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        n_packets += 1
        if packet.is_corrupt and not is_ts:
            damaged = f"frame {n_packets} is incomplete"
            break
        if picture is None:
            try:
                picture = next(map(_look, packet.decode()), None)
            except av.error.FFmpegError as error:
                damaged = f"the decoder stops at frame {n_packets} ({error.strerror})"
                break
        if packet.pts is None:
            uncountable = "its frames have no time stamps"
            break
        if packet.is_keyframe:
            keys.append(packet.pts)
        elif not keys:
            uncountable = "it does not begin with a key frame"
            break
        elif packet.pts < keys[-1]:
            irregular = "its groups of pictures are open: frames from before a key frame are stored after it"
        if packet.is_discard:
            irregular = "part of it is marked as not to be shown (an edit list)"
        elif is_vp8 and not bytes(packet)[0] & 0x10:  # RFC 6386, 9.1: the bit says whether a frame is shown
            irregular = "it holds helper frames that are never shown"
        else:
            pts.append(packet.pts)
            last_duration = packet.duration or 0
    if picture is None and damaged is None:  # few packets: the decoder still holds its first picture back
        try:
            picture = next(map(_look, stream.codec_context.decode(None)), None)
        except av.error.FFmpegError as error:
            damaged = f"the decoder stops ({error.strerror})"
    if len(set(pts)) < len(pts):
        uncountable = uncountable or "several of its frames have the same time stamp"
    if "avi" in container_names and stream.codec_context.has_b_frames:
        uncountable = uncountable or "avi does not say when its reordered frames are shown"
    keys = sorted(keys) if can_jump else keys[:1]
    return Scan(sorted(pts), keys, picture, last_duration, n_packets, irregular, uncountable, damaged)


def scan_pictures(container: InputContainer, stream: VideoStream) -> Scan:
    """Decodes every picture and keeps none; stops at the first that is damaged."""
    pts: list[int] = []
    picture: Picture | None = None
    damaged = None
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt:
                damaged = f"frame {len(pts)} is incomplete"
                break
            picture = picture or _look(frame)
            pts.append(len(pts) if frame.pts is None else frame.pts)
    except av.error.FFmpegError as error:
        damaged = f"the decoder stops ({error.strerror})"
    return Scan(pts, [], picture, 0, len(pts), None, None, damaged)


def _look(frame: av.VideoFrame) -> Picture:
    turns = quarter_turns(frame)
    height, width = (frame.width, frame.height) if turns % 2 else (frame.height, frame.width)
    return Picture(height, width, turns)
