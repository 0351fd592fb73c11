"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.files import write_whole


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
    assert path.read_text() == "old"
