"""Whether results can be put into a folder, known before anything is computed."""

from __future__ import annotations

import os
from pathlib import Path

from workbench.errors import RunError

_LONGEST = 255
"""Bytes that a part of a path may have, on all systems that are common."""


def check_folder(folder: Path, *, name: str = "out", of: str = "the results") -> None:
    """Raise RunError where no file can be put into a folder, or the folder cannot be made. Makes nothing."""
    named, elsewhere = f"{name}={str(folder)[:80]!r}", f"Choose another folder for {of}."
    try:
        longest = max((len(os.fsencode(part)) for part in folder.parts), default=0)
    except UnicodeEncodeError:
        raise RunError(f"{named} is no name of a folder: it has a character that no disk can hold.") from None
    if "\0" in str(folder) or longest > _LONGEST:
        raise RunError(f"{named} is no name of a folder: it has a NUL, or a part of over {_LONGEST} bytes.")
    path = folder.absolute()
    there = next(one for one in (path, *path.parents) if os.path.lexists(one))
    if not there.is_dir():
        raise RunError(f"{named}: {there} is no folder. {elsewhere}")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RunError(f"{named}: nothing may be written into {there}. {elsewhere}")
