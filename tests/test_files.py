"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.files import left_over, plain_name, whole, write_whole


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
