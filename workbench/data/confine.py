"""Paths named by an annotation. They come from outside, so they may only lead into the data set's folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import SampleError, shown
from workbench.spelling import spelled

FRAME_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})


class ClipMissing(SampleError):
    """Nothing is where the clip should be."""


def find_clip(root: Path, name: str, folders: tuple[str, ...]) -> Path:
    """The clip called `name`: the first of `root/folder/name` that is there. The file is not opened.

    Raises SampleError where the name leads out of `root` or nothing usable is there, ClipMissing where
    nothing is there at all.
    """
    parts = re.split(r"[\\/]", name)
    if ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", name):
        raise SampleError(f"video {shown(name)} leads out of the data set: name a path inside {root}")
    if not any(part.strip(". ") for part in parts):
        raise SampleError(f"video {shown(name)} names no file")
    with _looking_for(name):
        looked = (spelled(root / folder / name) for folder in folders)
        clip = next((clip for clip in looked if clip.exists()), None)
        if clip is None:
            places = " or ".join(str(root / folder) for folder in folders)
            raise ClipMissing(f"clip {shown(name)} not found in {places}")
        frames = clip.iterdir() if clip.is_dir() else ()
        if not all(inside(path, root) for path in (clip, *(frame for frame in frames if frame.is_symlink()))):
            raise SampleError(
                f"video {shown(name)} is, or holds, a link that leads out of {root}: put the clips "
                "themselves there, or give the folder that really holds them as root"
            )
    return check_clip(clip)


def check_clip(clip: Path) -> Path:
    """The clip as the disk spells it, unopened.

    Raises SampleError where it is neither a file nor a folder with frames.
    """
    with _looking_for(str(clip)):
        clip = spelled(clip)
        if not clip.exists():
            raise SampleError(f"clip {shown(str(clip))} not found")
        if clip.is_dir():
            if not any(entry.suffix.lower() in FRAME_SUFFIXES for entry in clip.iterdir()):
                kinds = " ".join(sorted(FRAME_SUFFIXES))
                raise SampleError(f"clip {shown(str(clip))} is a folder without frames ({kinds})")
        elif not clip.is_file():  # a named pipe would block whoever opens it
            raise SampleError(f"clip {shown(str(clip))} is neither a file nor a folder")
    return clip


def inside(path: Path, root: Path) -> bool:
    """Whether `path`, with all its links followed, lies in `root`.

    The cache of the Hugging Face hub holds links only, from snapshots/REVISION/.. to the folder blobs beside
    snapshots: that one way out is allowed.
    """
    home = root.resolve()
    allowed = [home]
    for folder in (home, *home.parents):
        if folder.parent.name == "snapshots":
            allowed.append((folder.parent.parent / "blobs").resolve())
    real = path.resolve()
    return any(real.is_relative_to(folder) for folder in allowed)


@contextmanager
def _looking_for(name: str) -> Iterator[None]:
    """What the system refuses (a name too long, a zero byte, links in a circle) as SampleError."""
    try:
        yield
    except SampleError:
        raise
    except (OSError, ValueError, RuntimeError) as problem:
        cause = problem.strerror if isinstance(problem, OSError) else problem
        raise SampleError(f"clip {shown(name)} cannot be looked up: {cause}") from None
