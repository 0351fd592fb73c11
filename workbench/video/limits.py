"""How large a picture, and a clip, may be: asked of headers, before anything is decoded.

A few kilobytes can announce a picture of many gigabytes. Frames of 8K video (8192x4320) are the largest that
are read without being asked for; all models scale them down to a few hundred pixels a side anyway.
"""

from __future__ import annotations

import os
from pathlib import Path

from workbench.errors import ClipError
from workbench.video.errors import clip_error

MAX_PIXELS = 36_000_000
"""Width times height of one frame, where the environment does not say otherwise: a little above 8K."""
VARIABLE = "WORKBENCH_MAX_PIXELS"
"""The environment variable that takes the place of `MAX_PIXELS`."""
FULL_FRAMES = 32
"""A clip may hold as many pixels as this many frames of the largest size: 3.5 GB, 555 frames of full HD."""


def max_pixels() -> int:
    """The most pixels of one frame. Raises ClipError where the environment says something else."""
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return MAX_PIXELS
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and int(text)):
        raise ClipError(
            f"{VARIABLE}={text[:40]!r} in the environment: give the most pixels of a frame as a whole number "
            f"from 1, or leave it out ({MAX_PIXELS})."
        )
    return int(text)


def check_picture(path: Path, width: int, height: int, name: str = "a frame") -> None:
    """Raises ClipError where one picture has more pixels than are read, or none."""
    most = max_pixels()
    if width < 1 or height < 1:
        raise clip_error(path, f"{name} is {width}x{height}", "It is damaged: copy or download it again.")
    if width * height > most:
        raise clip_error(
            path,
            f"{name} is {width}x{height}, {width * height:,} pixels; at most {most:,} are read",
            f"Scale it down, or raise the limit with {VARIABLE}={width * height} in the environment.",
        )


def check_frames(path: Path, count: int, width: int, height: int) -> None:
    """Raises ClipError where `count` frames together are more than fits: `FULL_FRAMES` of the largest."""
    pixels, most = count * width * height, FULL_FRAMES * max_pixels()
    if pixels > most:
        raise clip_error(
            path,
            f"{count} frames of {width}x{height} take {pixels * 3 / 2**30:.1f} GiB; at most "
            f"{most * 3 / 2**30:.1f} are read at once",
            f"Sample at most {most // (width * height)} frames, scale the clip down, or raise the limit with "
            f"{VARIABLE}={-(-pixels // FULL_FRAMES)} in the environment.",
        )
