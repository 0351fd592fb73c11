"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from workbench.errors import WriteError
from workbench.files import left_over, plain_name, whole, whole_folder, write_whole


def test_text_and_bytes_and_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert write_whole(tmp_path / "a" / "b.txt", "Zoë\n").read_bytes() == "Zoë\n".encode()
    assert write_whole(str(tmp_path / "a" / "b.txt"), b"\x00").read_bytes() == b"\x00"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_the_old_content_stays_where_writing_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_whole(tmp_path / "table.csv", "old")

    def disk_full(source: object, target: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("os.replace", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert path.read_text("utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_another_program_writes_to_a_name_of_its_own_with_the_same_suffix(tmp_path: Path) -> None:
    with whole(tmp_path / "new" / "clip.mp4") as one, whole(tmp_path / "new" / "clip.mp4") as other:
        assert one != other
        assert one.suffix == other.suffix == ".mp4"
        one.write_text("one")
        other.write_text("other")
    assert [(entry.name, entry.read_text("utf-8")) for entry in (tmp_path / "new").iterdir()] == [
        ("clip.mp4", "one")
    ], "the block that ends last"


def test_what_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    path = write_whole(tmp_path / "table.csv", "old")

    def write() -> None:
        with whole(path) as unfinished:
            unfinished.write_text("half of it")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [(entry.name, entry.read_text("utf-8")) for entry in tmp_path.iterdir()] == [("table.csv", "old")]


def test_only_our_own_unfinished_files_are_left_over(tmp_path: Path) -> None:
    with whole(tmp_path / "table.csv") as unfinished:
        unfinished.write_text("half of it")
        for name in ("notes.tmp", ".notes.tmp", "a-12345678.tmp.csv", ".lock"):
            (tmp_path / name).write_text("of somebody else")
        with whole(tmp_path / "LICENSE") as other:
            other.write_text("half of it")
            assert set(left_over(tmp_path)) == {unfinished, other}
    assert left_over(tmp_path) == []


def test_names_that_differ_in_punctuation_only_are_two_files() -> None:
    assert plain_name("a/b").startswith("a_b-")
    assert len({plain_name(name).lower() for name in ("a/b", "a_b", "A/b", "a b", "ä", "..", "")}) == 7


def test_a_link_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    (tmp_path / "report.html").symlink_to(theirs)
    write_whole(tmp_path / "report.html", "ours")
    assert theirs.read_text() == "theirs"
    assert not (tmp_path / "report.html").is_symlink()
    assert (tmp_path / "report.html").read_text() == "ours"


def test_the_unfinished_file_is_new_or_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody guessed its name, and laid a link there."""
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    monkeypatch.setattr("workbench.files.secrets.token_hex", lambda n: "0" * 2 * n)
    (tmp_path / ".report-00000000.tmp.html").symlink_to(theirs)
    with pytest.raises(WriteError, match=r"report\.html cannot be written"):
        write_whole(tmp_path / "report.html", "ours")
    assert theirs.read_text() == "theirs"
    assert (tmp_path / ".report-00000000.tmp.html").is_symlink(), "not ours to remove"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "Make room on its disk"),
        (errno.EDQUOT, "Make room on its disk"),
        (errno.EROFS, "Choose a folder that you may write to"),
        (errno.EACCES, "Choose a folder that you may write to"),
        (errno.ENAMETOOLONG, "Choose another folder"),
    ],
)
def test_what_cannot_be_written_says_what_and_what_to_do(tmp_path: Path, number: int, remedy: str) -> None:
    with pytest.raises(WriteError, match=rf"a.csv cannot be written \({os.strerror(number)}\). {remedy}"):
        with whole(tmp_path / "a.csv"):
            raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a\0b.csv", "x" * 256, "\ud800.csv"])
def test_a_name_that_no_file_can_have_is_an_error_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(WriteError, match="cannot be written"):
        write_whole(tmp_path / name, "text")


def test_a_name_of_255_characters_is_a_file_as_any_other(tmp_path: Path) -> None:
    assert write_whole(tmp_path / ("x" * 255), "text").read_text() == "text"


def test_errors_that_are_no_matter_of_writing_pass(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^no number$"):
        with whole(tmp_path / "a.csv"):
            raise ValueError("no number")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(WriteError, match=r"Permission denied.*that you may write to"):
        write_whole(tmp_path / "a.csv", "text")
    tmp_path.chmod(0o700)


def test_a_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "deep" / "made") as folder:
        (folder / "a.txt").write_text("1")
        assert not (tmp_path / "deep" / "made").exists()
    assert (tmp_path / "deep" / "made" / "a.txt").read_text() == "1"

    def stopped() -> None:
        with whole_folder(tmp_path / "stopped") as folder:
            (folder / "a.txt").write_text("1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
