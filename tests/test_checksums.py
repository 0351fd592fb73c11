"""SHA256SUMS: what is changed after it was written is noticed, what is replaced by us is not."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from workbench import checksums
from workbench.checksums import SUMS, is_as_listed, read_listed, sums, write_all_listed, write_listed
from workbench.errors import RunError, WriteError

ADVICE = "Delete it."


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "manifest.json").write_text("{}")
    return tmp_path


def test_what_is_written_into_a_runs_folder_is_listed_in_the_form_that_sha256sum_reads(
    run_folder: Path,
) -> None:
    path = write_listed(run_folder / "über tasks.csv", "a,b\n1,2\n")
    digest = hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert (run_folder / SUMS).read_text("utf-8") == f"{digest}  über tasks.csv\n"
    assert read_listed(path, remedy=ADVICE) == b"a,b\n1,2\n"
    if shutil.which("sha256sum"):
        found = subprocess.run(["sha256sum", "-c", SUMS], cwd=run_folder, capture_output=True, text=True)
        assert (found.returncode, found.stdout) == (0, "über tasks.csv: OK\n")


def test_a_folder_without_a_run_gets_no_list(tmp_path: Path) -> None:
    write_listed(tmp_path / "table.csv", "a")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert read_listed(tmp_path / "table.csv", remedy=ADVICE) == b"a"


def test_every_single_bit_counts(run_folder: Path) -> None:
    path = write_listed(run_folder / "t.csv", "abc")
    for byte in range(3):
        for bit in range(8):
            changed = bytearray(b"abc")
            changed[byte] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(RunError, match=rf"t.csv is damaged, or was changed.*{ADVICE}"):
                read_listed(path, remedy=ADVICE)


def test_the_list_keeps_other_files_and_survives_lines_that_say_nothing(run_folder: Path) -> None:
    write_listed(run_folder / "a.csv", "a")
    with (run_folder / SUMS).open("ab") as file:
        file.write(b"\xff not a line\n\n")
    write_listed(run_folder / "b.csv", "b")
    assert set(sums(run_folder)) == {"a.csv", "b.csv"}
    assert is_as_listed(run_folder / "c.csv", b"") is None


def test_whenever_a_writer_is_killed_what_lies_there_is_listed(
    run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, moments = os.replace, 0
    for stop_at in range(10):
        write_all_listed(run_folder, {"a.csv": "old a", "b.csv": "old b"})
        left = [stop_at]

        def stopping(source: object, target: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt
            replace(source, target)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr("os.replace", stopping)
            try:
                write_all_listed(run_folder, {"a.csv": "new a", "b.csv": "new b"})
            except KeyboardInterrupt:
                moments += 1
        for name in ("a.csv", "b.csv"):
            assert is_as_listed(run_folder / name, (run_folder / name).read_bytes())
    assert moments == 4, "two lists and two files"


def test_a_file_that_an_older_version_left_unlisted_counts_until_it_is_replaced(run_folder: Path) -> None:
    (run_folder / "a.csv").write_text("old")
    assert read_listed(run_folder / "a.csv", remedy=ADVICE) == b"old"
    write_listed(run_folder / "a.csv", "new")
    (run_folder / "a.csv").write_text("old")
    with pytest.raises(RunError, match="damaged"):
        read_listed(run_folder / "a.csv", remedy=ADVICE)


def test_a_table_that_cannot_be_written_is_named(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "write_whole", _full)
    with pytest.raises(WriteError, match="no room"):
        write_listed(run_folder / "a.csv", "a")


def _full(path: Path, content: object) -> Path:
    raise WriteError("no room")
