"""Files that appear whole or not at all, and plain names for them."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import WriteError

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


_WATCHERS: list[Callable[[Path], None]] = []


@contextmanager
def watching(told: Callable[[Path], None]) -> Iterator[None]:
    """While the block runs, `told` hears of every file that is there whole, in whatever thread wrote it."""
    _WATCHERS.append(told)
    try:
        yield
    finally:
        _WATCHERS.remove(told)


def write_whole(path: Path | str, content: bytes | str) -> Path:
    """Write a file so that a reader sees the old content or the new, never a part of one; gives its path.

    Text is written as UTF-8. The folder is made where it does not exist. A link of that name is replaced, not
    followed. Raises WriteError.
    """
    with whole(path) as unfinished, open(unfinished, "r+b") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
    return Path(path)


@contextmanager
def whole(path: Path | str) -> Iterator[Path]:
    """For a program that writes by itself: an empty file beside `path`, with its suffix, that becomes it at
    the end.

    Where the block raises, it is removed and `path` stays as it was. Several processes may make the same
    file: each writes to a name of its own, which nobody can have put there before. The folder is made where
    it does not exist. Raises WriteError, also for an OSError of the block.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.stem[:40]}-{secrets.token_hex(4)}.tmp{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(unfinished, _NEW, 0o666))
        try:
            yield unfinished
            os.replace(unfinished, path)
            for told in list(_WATCHERS):
                told(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path`, which must not be there, that becomes it at the end.

    Where the block raises, it is removed with all that is in it. Raises WriteError.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.parent))
        try:
            yield made
            made.chmod(0o755)
            made.rename(path)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """An OSError of the block becomes a WriteError that names `path` and says what to do; but not one of
    another program's own kinds, which tells more."""
    try:
        yield
    except WriteError:
        raise
    except (OSError, ValueError) as problem:
        if type(problem).__module__ != "builtins":
            raise
        nameless = isinstance(problem, UnicodeEncodeError) or "\0" in str(path)
        if isinstance(problem, ValueError) and not nameless:
            raise
        raise write_error(path, problem) from problem


def write_error(path: Path | str, problem: OSError | ValueError) -> WriteError:
    """The error for a file or folder that cannot be written: what is wrong, and what to do."""
    number = getattr(problem, "errno", None)
    if number in _FULL:
        remedy = "Make room on its disk, or choose a folder on another one"
    elif number in _FORBIDDEN:
        remedy = "Choose a folder that you may write to"
    else:
        remedy = "Choose another folder"
    reason = getattr(problem, "strerror", None) or str(problem)
    return WriteError(
        f"{path} cannot be written ({reason}). {remedy} (--out; out= in Python), and start the same command "
        "again. What is stored stays, and a run goes on from there."
    )


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
