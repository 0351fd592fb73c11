"""A clip out of a cache of decoded frames, or read and put into it."""

from __future__ import annotations

import os
import platform
from functools import cache as once
from importlib.metadata import version
from pathlib import Path

import numpy as np

from workbench.cache import Cache, Kept, key_of
from workbench.contents import stamp_of
from workbench.spelling import spelled
from workbench.video.clip import Clip, read_clip
from workbench.video.limits import check_frames, check_picture
from workbench.video.sampling import Sampling, as_sampling

_FORMAT = 1
"""Another number where the same file is to give other frames than before."""


def read_kept(
    cache: Cache,
    path: str | os.PathLike[str],
    sampling: Sampling | int | str,
    *,
    start: float | None = None,
    end: float | None = None,
) -> Clip:
    """As `read_clip`, whose frames are kept by the content of the file and how they were chosen.

    They are kept in full size, so that every model finds them. A clip that cannot be read is not kept, and
    raises the same ClipError each time.
    """
    sampling, path = as_sampling(sampling), Path(path)
    try:
        there = spelled(path)
    except OSError:
        return read_clip(path, sampling, start=start, end=end)  # which says what is wrong
    stamp = stamp_of(there)
    content = cache.content_of(there)
    key = key_of(_FORMAT, *_decoders(), content, repr(sampling), repr(start), repr(end))
    if content and (kept := cache.get("frames", key)) is not None:
        return _clip(there, kept)
    clip = read_clip(path, sampling, start=start, end=end)
    if content and stamp_of(there) == stamp:  # else it was replaced meanwhile
        cache.put("frames", key, *_entry(clip))
    return clip


@once
def _decoders() -> tuple[str, ...]:
    """What decodes: another version may round otherwise."""
    import av

    return platform.machine(), version("pillow"), str(sorted(av.library_versions.items()))


def _entry(clip: Clip) -> Kept:
    import torch

    tensors = {"frames": torch.from_numpy(clip.frames), "timestamps": torch.from_numpy(clip.timestamps)}
    notes = {"reader": clip.reader or "", "duration": "" if clip.duration is None else clip.duration.hex()}
    return Kept(tensors, notes)


def _clip(path: Path, kept: Kept) -> Clip:
    frames: np.ndarray = kept.tensors["frames"].numpy()
    height, width = frames.shape[1:3]
    check_picture(path, width, height)
    check_frames(path, len(frames), width, height)
    duration = kept.notes["duration"]
    return Clip(
        frames=frames,
        timestamps=kept.tensors["timestamps"].numpy(),
        path=path,
        duration=float.fromhex(duration) if duration else None,
        reader=kept.notes["reader"] or None,
    )
