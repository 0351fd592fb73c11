"""Files that appear whole or not at all, and plain names for them."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path | str, content: bytes | str) -> Path:
    """Write a file so that a reader sees the old content or the new, never a part of one; gives its path.

    Text is written as UTF-8. The folder is made where it does not exist. Raises OSError.
    """
    with whole(path) as unfinished:
        unfinished.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return Path(path)


@contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """For a program that writes by itself: a path beside `path`, with its suffix, that becomes it at the end.

    Where the block raises, it is removed and `path` stays as it was. Several processes may make the same
    file: each writes to a name of its own. The folder is made where it does not exist. Raises OSError.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def left_over(folder: Path) -> list[Path]:
    """Files in `folder` whose writing was cut short: by a kill, or a machine that went down."""
    return [path for path in folder.glob(".*.tmp*") if re.search(r"-[0-9a-f]{8}\.tmp(\.\w+)?$", path.name)]


def plain_name(name: str) -> str:
    """A file name, without a suffix, for whatever `name` holds: an id comes from a data set.

    Part of a hash keeps names apart that differ only in what a file name cannot hold, or in case.
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:80]
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain}-{digest}" if plain else digest
