"""Archives are unpacked once, whole, and never write outside of their folder."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.data.archives import archives, unopened, unpack, unpack_first
from workbench.errors import SampleError, WriteError

FILES = {"data/a.mp4": b"first" * 100, "data/deep/b.mp4": os.urandom(3000)}


def zipped(files: dict[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return sink.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


def written(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.suffix == ".mp4"
    }


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz", "parts", "numbered"])
def test_what_went_in_comes_out_once(form: str, tmp_path: Path) -> None:
    content = zipped(FILES) if form == "zip" else tarred(FILES, "w:gz" if form == "tar.gz" else "w")
    if form in ("parts", "numbered"):
        names = ("aa", "ab", "ac") if form == "parts" else ("2", "10", "11")
        third = len(content) // 3
        cuts = (content[:third], content[third : 2 * third], content[2 * third :])
        for name, part in zip(names, cuts, strict=True):
            (tmp_path / f"videos.tar.part.{name}").write_bytes(part)
    else:
        (tmp_path / f"videos.{form}").write_bytes(content)
    (archive,) = archives(tmp_path)
    assert len(archive.parts) == (3 if form in ("parts", "numbered") else 1)
    assert "workbench data unpack" in (unpack_first(tmp_path) or "")
    assert unpack(tmp_path, progress=False) == [archive]
    assert written(tmp_path) == FILES
    assert unopened(tmp_path) == []
    assert unpack_first(tmp_path) is None
    assert unpack(tmp_path, progress=False) == [], "once"
    # Another archive of that name is another archive.
    archive.parts[-1].write_bytes(zipped({"data/c.mp4": b"new"}) if form == "zip" else content + b"\0" * 512)
    assert unopened(tmp_path)


def test_a_stopped_call_goes_on(tmp_path: Path) -> None:
    (tmp_path / "v.zip").write_bytes(zipped(FILES))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.mp4").write_bytes(b"half")
    there = tmp_path / "data" / "deep"
    there.mkdir()
    (there / "b.mp4").write_bytes(FILES["data/deep/b.mp4"])
    before = (there / "b.mp4").stat().st_mtime_ns
    unpack(tmp_path, progress=False)
    assert written(tmp_path) == FILES
    assert (there / "b.mp4").stat().st_mtime_ns == before


def link(name: str, target: str) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, target
        archive.addfile(info)
    return sink.getvalue()


def device() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        info = tarfile.TarInfo("null")
        info.type = tarfile.CHRTYPE
        archive.addfile(info)
    return sink.getvalue()


def zipped_link() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        info = zipfile.ZipInfo("a.mp4")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return sink.getvalue()


def with_headers(**headers: str) -> bytes:
    """A tar file whose member has these extended headers."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.mp4")
        info.pax_headers = headers
        archive.addfile(info)
    return sink.getvalue()


def spoilt_inside(content: bytes) -> bytes:
    """A zip file with a whole list of its members, and one of them that cannot be decompressed."""
    at = 30 + len("data/a.mp4")
    return content[:at] + b"\xff" * 8 + content[at + 8 :]


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("v.tar", lambda: with_headers(**{"GNU.sparse.size": "BINARY"}), "damaged: ValueError"),
        ("v.tar", lambda: with_headers(**{"GNU.sparse.map": "abc", "GNU.sparse.size": "1"}), "damaged"),
        ("v.zip", lambda: spoilt_inside(zipped(FILES)), "damaged: error: Error -3"),
        ("v.tar", lambda: tarred({"v.tar": b"1"}), "take the place of the archive"),
        ("v.tar", lambda: tarred({".w.zip.unpacked": b"1"}), "take the place of the archive"),
        ("v.zip", lambda: zipped({"ok.mp4": b"1", "../out.mp4": b"x"}), "outside of"),
        ("v.zip", lambda: zipped({"ok.mp4": b"1", "/abs.mp4": b"x"}), "outside of"),
        ("v.zip", lambda: zipped({"ok.mp4": b"1", "a/..\\..\\out.mp4": b"x"}), "outside of"),
        ("v.zip", lambda: zipped({"ok.mp4": b"1", "C:out.mp4": b"x"}), "outside of"),
        ("v.tar", lambda: tarred({"ok.mp4": b"1", "a/../../out.mp4": b"x"}), "outside of"),
        ("v.tar", lambda: link("in.mp4", "/etc/passwd"), "link or a device"),
        ("v.tar", lambda: link("folder", ".."), "link or a device"),
        ("v.tar", device, "link or a device"),
        ("v.zip", zipped_link, "link or a device"),
        ("v.zip", lambda: zipped({"bomb.mp4": b"\0" * 150 * 2**20}), "no video shrinks"),
        ("v.zip", lambda: zipped(FILES)[:-40], "damaged"),
        ("v.tar", lambda: tarred(FILES)[:1500], "damaged"),
        ("v.tar.gz", lambda: tarred(FILES, "w:gz")[:200], "damaged"),
        ("v.zip", lambda: b"no archive", "damaged"),
    ],
)
def test_hostile_and_damaged_archives_leave_nothing_outside(
    name: str, make: Callable[[], bytes], said: str, tmp_path: Path
) -> None:
    root = tmp_path / "set"
    root.mkdir()
    (root / name).write_bytes(make())
    with pytest.raises(SampleError, match=said):
        unpack(root, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    if not said.startswith("damaged"):
        assert written(root) == {}, "nothing of it"
    assert unopened(root), "it does not count as done"
    assert not list(root.rglob("*.unfinished"))


def test_names_as_long_as_the_disk_takes_are_written_and_longer_ones_refused(tmp_path: Path) -> None:
    name = "x" * 251 + ".mp4"
    (tmp_path / "v.tar").write_bytes(tarred({name: b"1"}))
    unpack(tmp_path, progress=False)
    assert written(tmp_path) == {name: b"1"}
    (tmp_path / "w.tar").write_bytes(tarred({"x" + name: b"1"}))
    with pytest.raises(WriteError, match="too long"):
        unpack(tmp_path, progress=False)


def test_a_folder_that_is_a_link_out_is_not_written_through(tmp_path: Path) -> None:
    root, outside = tmp_path / "set", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "data").symlink_to(outside)
    (root / "v.zip").write_bytes(zipped({"data/a.mp4": b"x"}))
    with pytest.raises(SampleError, match="leads out"):
        unpack(root, progress=False)
    assert list(outside.iterdir()) == []


def test_a_disk_without_room_is_said_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    (tmp_path / "v.zip").write_bytes(zipped(FILES))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=100))
    with pytest.raises(WriteError, match="Make room"):
        unpack(tmp_path, progress=False)
    assert written(tmp_path) == {}
