"""Which clip a sample's numbers are of: its content, wherever it lies.

A clip may be moved, and a whole data set with it; one that is replaced under the same name is another. To
read every clip again on each start would take long, so what a clip was at its path, by size and time of
change, is kept beside its sha256, and only a clip that looks different is read.
"""

from __future__ import annotations

import hashlib
import stat
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from workbench.checksums import sum_of_file


class ClipIdentity(NamedTuple):
    """A clip as it was when its sample was measured."""

    path: str
    """Where it lay, absolute."""
    stamp: str
    """Size and time of the last change, of each picture in a folder; empty where there was nothing."""
    sha256: str
    """Of its content; empty where there was nothing to read."""

    def is_still(self, video: Path) -> bool | None:
        """Whether the clip at `video` is this one; None where nothing lies there and this lay elsewhere."""
        path, stamp = _absolute(video), stamp_of(video)
        if not stamp:
            return True if path == self.path else None
        if (path, stamp) == (self.path, self.stamp):
            return True
        return content_of(video, stamp) == self.sha256 if self.sha256 else False


def identify(video: Path) -> ClipIdentity:
    """The identity of the clip that lies at `video`."""
    stamp = stamp_of(video)
    return ClipIdentity(_absolute(video), stamp, content_of(video, stamp) if stamp else "")


def stamp_of(video: Path) -> str:
    """Size and time of change; empty where nothing lies there."""
    try:
        found = video.stat()
        if not stat.S_ISDIR(found.st_mode):
            return f"{found.st_size}-{found.st_mtime_ns}"
        each = [(path.name, path.stat()) for path in _pictures(video)]
    except (OSError, ValueError):
        return ""
    text = "".join(f"{name}\0{one.st_size}\0{one.st_mtime_ns}\n" for name, one in each)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


@lru_cache(maxsize=4096)
def content_of(video: Path, stamp: str) -> str:
    """sha256 of a file, or of the names and contents of a folder's files; empty where they cannot be read.

    `stamp` is that of the file now: it decides whether what was read before still counts.
    """
    try:
        if not video.is_dir():
            return _hash(video)
        lines = [f"{path.name}\0{_hash(path)}\n" for path in _pictures(video)]
    except (OSError, ValueError):
        return ""
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _hash(path: Path) -> str:
    if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe may never end
        raise OSError(f"{path} is not a file")
    return sum_of_file(path)


def _absolute(video: Path) -> str:
    return str(Path.cwd() / video)
