"""SHA256SUMS: what the tables of a folder were when they were written, for `sha256sum -c` and for us.

A table that a disk, a copy or an editor has changed still looks like one. So each is listed as it is written
and compared as it is read. While one is replaced both its sums are listed: whenever the process is killed,
what lies there is listed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from workbench.errors import RunError
from workbench.files import write_whole
from workbench.foreign import read_bytes

SUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
"""A folder with one of these two is a run's: what is written there is listed."""
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_MOST_BYTES = 2**20


def write_listed(path: Path | str, content: bytes | str) -> Path:
    """`files.write_whole`, and in the folder of a run the file is listed. Raises WriteError."""
    path = Path(path)
    if any((path.parent / name).exists() for name in (SUMS, MANIFEST)):
        write_all_listed(path.parent, {path.name: content})
        return path
    return write_whole(path, content)


def write_all_listed(folder: Path, contents: Mapping[str, bytes | str]) -> None:
    """Write files, by name, into a folder, and list them. Raises WriteError."""
    encoded = {
        name: content.encode("utf-8") if isinstance(content, str) else content
        for name, content in contents.items()
    }
    new = {name: {sum_of(content)} for name, content in encoded.items()}
    before = sums(folder)
    _write_sums(folder, before, {name: new[name] | _there(folder, name, before) for name in new})
    for name, content in encoded.items():
        write_whole(folder / name, content)
    _write_sums(folder, sums(folder), new)


def sums(folder: Path) -> dict[str, set[str]]:
    """The sums that are listed, by file name; lines that cannot be read are as good as none."""
    try:
        text = read_bytes(folder / SUMS, error=RunError, most_bytes=_MOST_BYTES).decode("utf-8", "replace")
    except RunError:
        return {}
    found: dict[str, set[str]] = {}
    for digest, name in _LINE.findall(text):
        found.setdefault(name, set()).add(digest)
    return found


def is_as_listed(path: Path, content: bytes) -> bool | None:
    """Whether a file's content is what was written; None where it is not listed."""
    known = sums(path.parent).get(path.name)
    return None if known is None else sum_of(content) in known


def read_listed(path: Path, *, remedy: str) -> bytes:
    """The content of a file. Raises RunError, with `remedy`, where it is not what was written."""
    content = read_bytes(path, error=RunError)
    if is_as_listed(path, content) is False:
        raise RunError(
            f"{path} is damaged, or was changed: it is not what the run wrote ({SUMS} says). {remedy}"
        )
    return content


def sum_of(content: bytes) -> str:
    """sha256, in hex."""
    return hashlib.sha256(content).hexdigest()


def sum_of_file(path: Path) -> str:
    """sha256 of a file's content, in hex, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _there(folder: Path, name: str, listed: Mapping[str, Iterable[str]]) -> set[str]:
    """What may lie there now: what is listed or, where nothing is, the file itself."""
    if name in listed:
        return set(listed[name])
    try:
        return {sum_of((folder / name).read_bytes())}
    except OSError:
        return set()


def _write_sums(folder: Path, before: Mapping[str, set[str]], changes: Mapping[str, set[str]]) -> None:
    after = {**before, **changes}
    if after != before:
        lines = [f"{digest}  {name}\n" for name in sorted(after) for digest in sorted(after[name])]
        write_whole(folder / SUMS, "".join(lines))
