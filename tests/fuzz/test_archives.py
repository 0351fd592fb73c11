"""Archives with any names, any members and any damage: unpacked inside their folder, or our error."""

from __future__ import annotations

import io
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.values import TEXT, attempt, confined, few, spoilt
from workbench.data.archives import unpack

NAMES = st.one_of(
    TEXT,
    st.sampled_from(("a.mp4", "a", "a/b.mp4", "./a", "a/./b", "a//b", "a/", "..a", "...")),
    st.sampled_from(
        ("x" * 255, "x" * 256, "b/" * 300 + "c", "a\\b", "/a", "C:a", "__MACOSX/a", "._a", "\udce9.mp4")
    ),
    st.lists(st.sampled_from(("..", ".", "a", "b", "outside", "/", "\\", "secret.mp4")), max_size=5).map(
        "/".join
    ),
)
CONTENT = st.binary(max_size=40) | st.just(b"\0" * 5000)
KINDS = (
    tarfile.REGTYPE,
    tarfile.AREGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.FIFOTYPE,
)
COMPRESSED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
HEADERS: Any = st.dictionaries(
    st.sampled_from(
        (
            *("path", "linkpath", "size", "mtime", "uid", "hdrcharset", "GNU.sparse.map", "GNU.sparse.size"),
            *("GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.name", "GNU.sparse.realsize"),
        )
    ),
    st.sampled_from(("0", "1", "-1", "abc", "0,10", "0,10,20", "9" * 30, "nan", "../x", "", "BINARY")),
    max_size=3,
)


@st.composite
def zips(draw: st.DrawFn) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name in draw(st.lists(NAMES, max_size=4, unique=True)):
            info = zipfile.ZipInfo("x")
            info.filename = name.encode("utf-8", "replace").decode()
            info.compress_type = draw(st.sampled_from(COMPRESSED))
            mode = draw(st.sampled_from((0, stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR, stat.S_IFCHR)))
            info.external_attr = mode << 16
            archive.writestr(info, draw(CONTENT))
    return sink.getvalue()


@st.composite
def tars(draw: st.DrawFn, mode: str = "w") -> bytes:
    sink = io.BytesIO()
    form = draw(st.sampled_from((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)))
    with tarfile.open(fileobj=sink, mode=mode, format=form, errors="surrogatepass") as archive:  # type: ignore[call-overload]
        for name in draw(st.lists(NAMES.filter(lambda name: "\0" not in name), max_size=4)):
            info = tarfile.TarInfo(name.encode("utf-8", "replace").decode())
            info.type = draw(st.sampled_from((tarfile.REGTYPE, tarfile.REGTYPE, *KINDS)))
            info.linkname = draw(st.sampled_from(("", "a", "../outside/secret.mp4", "/etc/passwd")))
            info.pax_headers = draw(HEADERS) if form == tarfile.PAX_FORMAT else {}
            content = draw(CONTENT) if info.isreg() else b""
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """Half of them as they are."""
    content = draw(whole)
    return draw(spoilt(content)) if draw(st.booleans()) else content


FORMS: dict[str, st.SearchStrategy[bytes]] = {
    "v.zip": zips(),
    "v.tar": tars(),
    "v.tar.gz": tars("w:gz"),
}


def unpacked(name: str, content: bytes) -> list[Path] | None:
    """The files that an archive leaves in its folder; None where it is refused."""
    with tempfile.TemporaryDirectory() as home:
        root, outside = Path(home, "set"), Path(home, "outside")
        root.mkdir()
        outside.mkdir()
        (outside / "secret.mp4").write_bytes(b"x")
        (root / name).write_bytes(content)
        with confined(root, outside):
            found = attempt(lambda: unpack(root, progress=False))
        assert sorted(path.name for path in Path(home).iterdir()) == ["outside", "set"]
        assert [path.read_bytes() for path in outside.iterdir()] == [b"x"]
        left = list(root.rglob("*"))
        assert all(path.is_dir() or path.is_file() for path in left)
        assert not [path for path in left if path.is_symlink() or path.name.endswith(".unfinished")]
        return None if found is None else left


@pytest.mark.parametrize("name", list(FORMS))
@few(25)
@given(data=st.data())
def test_any_members(name: str, data: st.DataObject) -> None:
    unpacked(name, data.draw(damaged(FORMS[name])))


@few(20)
@given(content=st.binary(max_size=600), name=st.sampled_from(("v.zip", "v.tar", "v.tar.gz", "v.tgz")))
def test_any_bytes(content: bytes, name: str) -> None:
    unpacked(name, content)
