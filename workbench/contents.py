"""What lies at a path, by content: a file, or a folder of pictures.

To read every clip again each time would take long, so what was at a path with a size and a time of change
counts as known, and only what looks different is read.
"""

from __future__ import annotations

import hashlib
import stat
from collections import OrderedDict
from pathlib import Path

from workbench.checksums import sum_of_file

_MOST = 65536
"""Contents that are remembered."""
_known: OrderedDict[tuple[str, str], str] = OrderedDict()


def stamp_of(video: Path) -> str:
    """Size and time of change, of each picture in a folder; empty where nothing lies there."""
    try:
        found = video.stat()
        if not stat.S_ISDIR(found.st_mode):
            return f"{found.st_size}-{found.st_mtime_ns}"
        each = [(path.name, path.stat()) for path in _pictures(video)]
    except (OSError, ValueError):
        return ""
    text = "".join(f"{name}\0{one.st_size}\0{one.st_mtime_ns}\n" for name, one in each)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def content_of(video: Path, stamp: str) -> str:
    """sha256 of a file, or of the names and contents of a folder's files; empty where they cannot be read.

    `stamp` is that of the file now: it decides whether what was read before still counts.
    """
    key = absolute(video), stamp
    if key not in _known:
        remember(video, stamp, _read(video))
    return _known[key]


def is_known(video: Path, stamp: str) -> bool:
    """Whether `content_of` answers without reading."""
    return (absolute(video), stamp) in _known


def remember(video: Path, stamp: str, sha256: str) -> None:
    """What `content_of` is to answer: it was read before, perhaps by another process."""
    _known[absolute(video), stamp] = sha256
    while len(_known) > _MOST:
        _known.popitem(last=False)


def absolute(video: Path) -> str:
    """Where it lies; links and dots stay as they are."""
    return str(Path.cwd() / video)


def _read(video: Path) -> str:
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
