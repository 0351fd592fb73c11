"""Archives that a download leaves: zip, tar, and either in parts.

They are unpacked when that is asked for, once, and never write outside of their folder.
"""

from __future__ import annotations

import io
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

from workbench.data.confine import inside
from workbench.data.parts import Parts
from workbench.errors import SampleError, WorkbenchError, WriteError, shown
from workbench.files import write_whole, writing
from workbench.progress import progress_bar

DONE = ".unpacked"
"""Ending of the file beside an archive that says that all of it was unpacked."""
_PART = re.compile(
    r"(?P<name>.+\.(?:tar|tar\.gz|tgz|zip))\.(?:part\.?(?P<named>[a-z]{2}|\d+)|(?P<number>a[a-z]|\d+))$"
)
_WHOLE = re.compile(r".+\.(?:tar|tar\.gz|tgz|zip)$")
_MOST_RATIO = 200
"""Videos do not shrink: an archive that unpacks to more than so many times its size is made to do harm."""
_SMALL = 100 * 2**20
"""Below so many bytes the ratio says nothing."""
_MOST_MEMBERS = 2_000_000
_CHUNK = 2**20


class Archive(NamedTuple):
    """An archive, which may lie in several parts."""

    name: str
    parts: tuple[Path, ...]

    @property
    def folder(self) -> Path:
        """Where it lies, and what is in it goes."""
        return self.parts[0].parent

    @property
    def done(self) -> Path:
        """The file that says that it was unpacked, and of what size it was then."""
        return self.folder / f".{self.name}{DONE}"

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(part.stat().st_size for part in self.parts)

    @property
    def is_unpacked(self) -> bool:
        try:
            return self.done.read_text("ascii").strip() == str(self.size)
        except (OSError, ValueError):
            return False


def archives(root: Path) -> list[Archive]:
    """The archives anywhere in a folder, parts of one archive together, sorted by name."""
    found: dict[tuple[Path, str], list[tuple[tuple[int, str], Path]]] = {}
    for path in sorted(root.rglob("*")):
        if path.name.startswith(".") or not path.is_file():
            continue
        part = _PART.fullmatch(path.name)
        if part:
            number = part["named"] or part["number"]
            key = (len(number), number) if number.isdecimal() else (0, number)
            found.setdefault((path.parent, part["name"]), []).append((key, path))
        elif _WHOLE.fullmatch(path.name):
            found.setdefault((path.parent, path.name), []).append(((0, ""), path))
    return [
        Archive(name, tuple(path for _, path in sorted(parts))) for (_, name), parts in sorted(found.items())
    ]


def unopened(root: Path) -> list[Archive]:
    """Those that nobody has unpacked yet."""
    return [archive for archive in archives(root) if not archive.is_unpacked]


def unpack_first(root: Path) -> str | None:
    """What to do about archives that nobody has unpacked; None where there are none."""
    packed = unopened(root)
    if not packed:
        return None
    what = f"{packed[0].name} is" if len(packed) == 1 else f"{packed[0].name} and {len(packed) - 1} more are"
    return f"{what} not unpacked yet: run 'workbench data unpack {root}'."


def unpack(root: Path, *, progress: bool = True) -> list[Archive]:
    """Unpack every archive of a folder where it lies; those that are unpacked already are left alone.

    Files that are there with the right size are kept, so that a stopped call goes on. Raises SampleError for
    an archive that is damaged, or would write outside of its folder or make links or devices, before
    anything of it is written; WriteError where the disk is full.
    """
    waiting = unopened(root)
    for archive in waiting:
        if not inside(archive.parts[0], root):
            raise SampleError(f"{archive.parts[0]} is a link that leads out of {root}: put the file there")
        _unpack(archive, progress)
    return waiting


class _Member(NamedTuple):
    name: str
    size: int
    info: Any


def _unpack(archive: Archive, progress: bool) -> None:
    with _opened(archive) as opened:
        with _reading(archive):
            members = _checked(archive, opened)
        total = sum(member.size for member in members)
        free = shutil.disk_usage(archive.folder).free
        if total > free:
            raise WriteError(
                f"{archive.name} unpacks to {total / 2**30:.1f} GiB, and the disk of {archive.folder} has "
                f"{free / 2**30:.1f} GiB left. Make room, and run the same command again."
            )
        with progress_bar(total, what=f"unpack {archive.name}", unit="B", show=progress) as bar:
            for member in members:
                _write(archive, opened, member, archive.folder / member.name)
                bar.update(member.size)
    write_whole(archive.done, f"{archive.size}\n")


def _write(
    archive: Archive, opened: zipfile.ZipFile | tarfile.TarFile, member: _Member, target: Path
) -> None:
    """Write one file, unless it is there; raises SampleError, and WriteError."""
    unfinished = target.with_name(f".{target.name[:40]}.unfinished")
    with writing(target):
        if target.is_file() and target.stat().st_size == member.size:
            return
        if not inside(target.parent, archive.folder):
            raise SampleError(f"{target.parent} leads out of {archive.folder} by a link: remove it")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                for chunk in _content(archive, opened, member):
                    file.write(chunk)
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)


def _content(archive: Archive, opened: zipfile.ZipFile | tarfile.TarFile, member: _Member) -> Iterator[bytes]:
    """A member in pieces. Raises SampleError where it is damaged, or not as long as it says."""
    with _reading(archive):
        zipped = isinstance(opened, zipfile.ZipFile)
        source = opened.open(member.info) if zipped else opened.extractfile(member.info)
        assert source is not None
        with source:
            left = member.size
            while chunk := source.read(min(_CHUNK, left + 1)):
                left -= len(chunk)
                if left < 0:
                    raise SampleError(_damaged(archive, f"{shown(member.name)} is longer than it says"))
                yield chunk
            if left:
                raise SampleError(_damaged(archive, f"{shown(member.name)} is cut short"))


@contextmanager
def _reading(archive: Archive) -> Iterator[None]:
    """What comes of damaged content as SampleError: zipfile, tarfile and the decompressors below them let
    through whatever error they meet (ValueError, IndexError, zlib.error, ..)."""
    try:
        yield
    except (WorkbenchError, MemoryError):
        raise
    except Exception as problem:
        own = isinstance(problem, zipfile.BadZipFile | tarfile.TarError | EOFError)
        why = str(problem) if own else f"{type(problem).__name__}: {problem}"
        raise SampleError(_damaged(archive, why)) from problem


@contextmanager
def _opened(archive: Archive) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    # Parts are read as if they were one file; nothing is joined on the disk.
    stream = io.BufferedReader(cast(Any, Parts(archive.parts)), _CHUNK)
    try:
        with _reading(archive):
            if archive.name.endswith(".zip"):
                made: Any = zipfile.ZipFile(cast("IO[bytes]", stream))
            else:
                made = tarfile.open(fileobj=stream, mode="r:*")  # noqa: SIM115
                if archive.name.endswith(".tar") and not _ends(stream):
                    # tarfile takes a header that is cut short for the end.
                    raise SampleError(_damaged(archive, "it has no end"))
        with made as opened:
            yield opened
    finally:
        stream.close()


def _ends(stream: io.BufferedReader) -> bool:
    """Whether an archive of tar ends as it must, with a block of zeros; the place in the stream stays."""
    at = stream.tell()
    stream.seek(0, io.SEEK_END)
    stream.seek(max(0, stream.tell() - tarfile.BLOCKSIZE))
    last = stream.read()
    stream.seek(at)
    return len(last) == tarfile.BLOCKSIZE and not any(last)


def _damaged(archive: Archive, why: str) -> str:
    parts = f" (in {len(archive.parts)} parts)" if len(archive.parts) > 1 else ""
    return f"{archive.folder / archive.name}{parts} is damaged: {why}. Download it again."


def _checked(archive: Archive, opened: zipfile.ZipFile | tarfile.TarFile) -> list[_Member]:
    """The files in an archive. Raises SampleError where any of its entries may not be unpacked."""
    found: dict[str, _Member] = {}
    for count, (name, size, kind, info) in enumerate(_listed(opened)):
        if count > _MOST_MEMBERS:
            raise SampleError(f"{archive.name} has more than {_MOST_MEMBERS:,} entries: it is no download")
        parts = PurePosixPath(name.replace("\\", "/")).parts
        outside = ".." in parts or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name)
        if outside or "\0" in name:
            raise SampleError(
                f"{archive.name} holds {shown(name)}, which would be written outside of {archive.folder}. "
                "Nothing of it was unpacked: do not trust where it comes from."
            )
        if kind == "other":
            raise SampleError(
                f"{archive.name} holds {shown(name)}, which is a link or a device. Nothing of it was "
                "unpacked: do not trust where it comes from."
            )
        if name.endswith(DONE) or name in {part.name for part in archive.parts}:
            raise SampleError(
                f"{archive.name} holds {shown(name)}, which would take the place of the archive, or of what "
                "says that it was unpacked. Nothing of it was unpacked: do not trust where it comes from."
            )
        if kind == "file":
            inner = "/".join(part for part in parts if part != ".")
            # Archives made on a Mac hold twins of every file.
            if parts and not parts[-1].startswith("._") and parts[0] != "__MACOSX":
                found[inner] = _Member(inner, size, info)
    total = sum(member.size for member in found.values())
    if total > max(_SMALL, _MOST_RATIO * archive.size):
        raise SampleError(
            f"{archive.name} has {archive.size:,} bytes and would unpack to {total:,}: no video shrinks so "
            "much. Nothing of it was unpacked."
        )
    return list(found.values())


def _listed(opened: zipfile.ZipFile | tarfile.TarFile) -> Iterator[tuple[str, int, str, Any]]:
    """Name, size, kind (file, folder, other) and the archive's own entry of each member."""
    if isinstance(opened, zipfile.ZipFile):
        for info in opened.infolist():
            mode = info.external_attr >> 16
            odd = stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
            yield (
                info.filename,
                info.file_size,
                "other" if odd else "folder" if info.is_dir() else "file",
                info,
            )
    else:
        for member in opened:
            kind = "file" if member.isreg() else "folder" if member.isdir() else "other"
            yield member.name, member.size, kind, member
