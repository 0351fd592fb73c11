"""Files in which packets, time stamps and pictures do not simply follow each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av

from tests.video.helpers import encode, numbered_frames, remux
from workbench.video import write_clip


def open_hevc(folder: Path) -> Path:
    options = {"x265-params": "log-level=none:keyint=25:min-keyint=25:open-gop=1:bframes=3:scenecut=0"}
    return encode(folder / "open.mkv", numbered_frames(100), "libx265", options=options)


def open_h264(folder: Path) -> Path:
    options = {"g": "25", "bf": "3", "x264-params": "open-gop=1"}
    return encode(folder / "open.mkv", numbered_frames(100), options=options)


def edit_list(folder: Path) -> Path:
    whole = encode(folder / "whole.mp4", numbered_frames(100), options={"g": "25", "bf": "2"})
    return remux(whole, folder / "edit.mp4", shift=10, container_options={"avoid_negative_ts": "disabled"})


def begins_late(folder: Path) -> Path:
    whole = encode(folder / "whole.mkv", numbered_frames(100), options={"g": "25", "bf": "2"})
    return remux(whole, folder / "late.mkv", skip=14)


def reordered_avi(folder: Path) -> Path:
    return encode(folder / "a.avi", numbered_frames(100), options={"g": "12", "bf": "3"})


def reordered_mpeg4_avi(folder: Path) -> Path:
    return encode(folder / "a.avi", numbered_frames(100), "mpeg4", options={"g": "12", "bf": "2", "q": "2"})


def program_stream(folder: Path) -> Path:
    frames = numbered_frames(100)
    return encode(folder / "a.mpg", frames, "mpeg2video", rate=25, options={"g": "12", "bf": "2"})


def transport_stream(folder: Path) -> Path:
    return encode(folder / "a.ts", numbered_frames(100), options={"g": "25"})


def hidden_frames(folder: Path) -> Path:
    """VP8 with helper frames: every fifth packet says that its picture is not to be shown."""
    whole = write_clip(folder / "whole.webm", numbered_frames(100), codec="vp8")

    def hide(number: int, packet: Any) -> Any:
        data = bytearray(bytes(packet))
        if number % 5 == 4:
            data[0] &= ~0x10
        changed = av.Packet(bytes(data))
        changed.pts, changed.dts, changed.time_base = packet.pts, packet.dts, packet.time_base
        changed.duration, changed.is_keyframe = packet.duration, packet.is_keyframe
        return changed

    return remux(whole, folder / "hidden.webm", edit=hide)


def many_groups(folder: Path) -> Path:
    return encode(folder / "many.mp4", numbered_frames(100), options={"g": "7", "bf": "2"})


IRREGULAR: list[tuple[Callable[[Path], Path], list[int]]] = [
    (open_hevc, list(range(100))),
    (open_h264, list(range(100))),
    (edit_list, list(range(10, 100))),
    (begins_late, list(range(25, 100))),
    (reordered_avi, list(range(100))),
    (reordered_mpeg4_avi, list(range(100))),
    (program_stream, list(range(100))),
    (transport_stream, list(range(100))),
    (hidden_frames, [number for number in range(100) if number % 5 != 4]),
    (many_groups, list(range(100))),
]
