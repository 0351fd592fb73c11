"""Pictures out of a video file, by decord or by PyAV, behind one protocol.

Axes: t frame, H height, W width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from workbench.errors import ClipError
from workbench.shapes import Float, Int, UInt8, shaped
from workbench.video.errors import clip_error
from workbench.video.index import FileIndex
from workbench.video.scan import open_container, quarter_turns, video_stream


class VideoReader(Protocol):
    """Frames of one clip by number. Nothing is kept open between calls; every call stands alone."""

    @property
    def name(self) -> str:
        """What reads: "decord", "pyav" or "folder"."""
        ...

    @property
    def n_frames(self) -> int: ...

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a frame, in pixels."""
        ...

    @property
    def fps(self) -> float:
        """Average frames per second."""
        ...

    @property
    def times(self) -> Float[np.ndarray, " n"]:
        """Seconds since the first frame."""
        ...

    @property
    def duration(self) -> float:
        """Seconds of the whole clip."""
        ...

    def get(self, indices: Int[np.ndarray, " t"]) -> UInt8[np.ndarray, "t H W 3"]:
        """The frames of these numbers, in this order, RGB.

        Raises:
            ClipError: a number outside the clip, or a frame that cannot be decoded.
        """
        ...

    def close(self) -> None:
        """Lets go of what the reader holds; it is not used afterwards."""
        ...


class PacketsDiffer(ClipError):
    """The file's packets and pictures do not match; `index_again` finds its frames, or says what is wrong."""


class Refused(Exception):
    """decord must not or cannot read this file; PyAV can still try."""


class _FileReader:
    """What both readers of video files share: the index, which PyAV made for both."""

    name = ""

    def __init__(self, index: FileIndex) -> None:
        self.index = index

    @property
    def n_frames(self) -> int:
        return self.index.n_frames

    @property
    def size(self) -> tuple[int, int]:
        return self.index.height, self.index.width

    @property
    def fps(self) -> float:
        return self.index.fps

    @property
    def times(self) -> Float[np.ndarray, " n"]:
        return self.index.times

    @property
    def duration(self) -> float:
        return self.index.duration

    def get(self, indices: Int[np.ndarray, " t"]) -> UInt8[np.ndarray, "t H W 3"]:
        wanted, places = np.unique(check_indices(self, self.index.path, indices), return_inverse=True)
        frames = self._get_sorted(wanted)
        return frames if np.array_equal(places, np.arange(len(wanted))) else frames[places]

    def close(self) -> None:
        """Nothing to do: each call opens the file and closes it again."""

    def _get_sorted(self, wanted: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class DecordReader(_FileReader):
    """decord, opened inside the call, used for one `get_batch` and dropped. For comparison with tools that
    use it: PyAV decodes the same frames first, so that both refuse the same clips.

    Alone, decord fills the holes of damaged H.264 and MPEG-4 from the frames around them, without a word:
    frames that were off by 19 grey levels on average were seen.

    decord is neither thread-safe nor fork-safe: one of its readers used from several threads aborts the
    process, one inherited over a fork hangs, and an idle one goes on decoding into memory.

    decord numbers frames by the order of their packets. Where that is not the order of the pictures (open
    groups of pictures, which x265 writes by default; edit lists; avi with reordered frames) it returns other
    frames than asked, without a word, so such files are refused.
    """

    name = "decord"

    def _get_sorted(self, wanted: np.ndarray) -> np.ndarray:
        index = self.index
        if index.irregular is not None:
            raise Refused(f"{index.irregular}; decord is not exact there")
        decord = _import_decord()
        for _ in PyAvReader(index).pictures(wanted):
            pass
        try:
            video = decord.VideoReader(str(index.path.absolute()), ctx=decord.cpu(0), num_threads=1)
            if len(video) != index.n_frames:
                raise Refused(f"it counts {len(video)} frames where there are {index.n_frames}")
            batch = video.get_batch(wanted.tolist())
        except Refused:
            raise
        except Exception as error:  # whatever it stumbles on (its errors share no base), PyAV can try
            # "[12:00:00] /github/workspace/src/video/video_reader.cc:270: what went wrong."
            cause = re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", str(error).strip().split("\n")[0])
            raise Refused(cause.rstrip(". ")) from error
        # A user may have set decord's torch bridge, which changes the type of what it returns.
        frames: np.ndarray = batch.asnumpy() if hasattr(batch, "asnumpy") else np.asarray(batch)
        if frames.shape != (len(wanted), *self.size, 3) or frames.dtype != np.uint8:
            raise Refused(f"it returns {frames.dtype} {frames.shape} for {len(wanted)} frames of {self.size}")
        return frames


def has_decord() -> bool:
    """Is decord installed? It has wheels for x86-64 only."""
    try:
        _import_decord()
    except Refused:
        return False
    return True


def _import_decord() -> Any:
    try:
        import decord
    except (ImportError, OSError) as error:  # OSError: its library does not load on this machine
        raise Refused(f"it is not installed or does not load here ({error})") from error
    # Its FFmpeg prints to the terminal; what it says reaches the user through our errors.
    decord.logging.set_level(decord.logging.QUIET)
    return decord


class PyAvReader(_FileReader):
    """PyAV: decodes from the nearest key frame on and keeps the wanted pictures only.

    Every picture on the way has to be whole, and the one that the index announces next. What damage inside a
    packet is noticed depends on the codec: nearly all in H.264, most in MPEG-4, Motion JPEG and HEVC (as
    pictures that never come), next to nothing in VP8 and VP9, where almost every sequence of bits means some
    picture. docs/clips.md has the numbers.
    """

    name = "pyav"

    def _get_sorted(self, wanted: np.ndarray) -> np.ndarray:
        frames = np.empty((len(wanted), *self.size, 3), dtype=np.uint8)
        for row, picture in enumerate(self.pictures(wanted)):
            frames[row] = self._pixels(picture)
        return frames

    def pictures(self, wanted: np.ndarray) -> Iterator[av.VideoFrame]:
        """The decoded pictures of sorted frame numbers.

        Raises:
            PacketsDiffer: the file is damaged on the way there, or does not hold what its packets announce.
        """
        index = self.index
        try:
            with open_container(index.path) as container:
                stream = video_stream(container)
                assert stream is not None
                decode = self._by_count if index.pts is None else self._by_time
                yield from decode(container, stream, wanted)
        except (av.error.FFmpegError, _Incomplete) as error:
            raise PacketsDiffer(
                f"{index.path}: decoding stops ({error}). Index it with index_again."
            ) from error

    def _by_count(
        self, container: InputContainer, stream: VideoStream, wanted: np.ndarray
    ) -> Iterator[av.VideoFrame]:
        """Decodes from the beginning and counts."""
        left = iter(wanted.tolist())
        number = next(left, None)
        for position, picture in enumerate(container.decode(stream)):
            if picture.is_corrupt:
                raise _Incomplete(f"frame {position} is incomplete")
            if position == number:
                yield picture
                number = next(left, None)
            if number is None:
                return
        raise _Incomplete(f"there is no frame {number}")

    def _by_time(
        self, container: InputContainer, stream: VideoStream, wanted: np.ndarray
    ) -> Iterator[av.VideoFrame]:
        """Jumps to the key frame before each wanted picture, unless it is already past it."""
        index = self.index
        assert index.pts is not None
        position = int(index.keys[0])
        pictures = self._checked(container.decode(stream), position)
        for target in index.pts[wanted].tolist():
            key = int(index.keys[max(np.searchsorted(index.keys, target, side="right") - 1, 0)])
            if key > position:
                container.seek(key, stream=stream, backward=True)
                pictures = self._checked(container.decode(stream), key)
            found = next((picture for picture in pictures if picture.pts == target), None)
            if found is None:
                raise _Incomplete(f"no picture has the time stamp {target} that a packet announces")
            yield found
            position = target

    def _checked(self, pictures: Iterator[av.VideoFrame], begin: int) -> Iterator[av.VideoFrame]:
        """The pictures from a key frame on, each of which has to be the next that a packet announces."""
        assert self.index.pts is not None
        announced = iter(self.index.pts[np.searchsorted(self.index.pts, begin) :].tolist())
        for picture in pictures:
            # What an open group shows before its key frame cannot be decoded after a jump, and is not wanted.
            if picture.pts is not None and picture.pts < begin:
                continue
            if picture.is_corrupt:
                raise _Incomplete(f"the frame of time stamp {picture.pts} is incomplete")
            if picture.pts != next(announced, None):
                raise _Incomplete(f"a picture has the time stamp {picture.pts}, which is not the next one")
            yield picture

    def _pixels(self, picture: av.VideoFrame) -> np.ndarray:
        pixels = np.rot90(picture.to_ndarray(format="rgb24"), quarter_turns(picture))
        height, width = self.size
        if pixels.shape[:2] != (height, width):
            raise clip_error(
                self.index.path,
                f"its frames change size, from {width}x{height} to {pixels.shape[1]}x{pixels.shape[0]}",
                f"Convert it: `ffmpeg -i {self.index.path.name} -vf scale={width}:{height} converted.mp4`.",
            )
        return pixels


class _Incomplete(Exception):
    """A picture came out of the decoder damaged."""


@shaped
def check_indices(reader: VideoReader, path: Path, indices: np.ndarray) -> Int[np.ndarray, " t"]:
    """Frame numbers as int64.

    Raises:
        ClipError: no number at all, or one that is not a frame of this clip.
    """
    numbers = np.asarray(indices)
    if numbers.ndim != 1 or numbers.size == 0 or numbers.dtype.kind not in "iu":
        raise clip_error(path, f"frame numbers are {indices!r}", "Pass a list of at least one whole number.")
    last = reader.n_frames - 1
    outside = numbers[(numbers < 0) | (numbers > last)]
    if outside.size:
        raise clip_error(
            path,
            f"there is no frame {outside[0]}; it has {last + 1} frames",
            f"Use numbers from 0 to {last}.",
        )
    return numbers.astype(np.int64)
