"""Final tables: what counts is what was written, whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.runs.test_folder import RECORDS, SCHEMA, same
from workbench.checksums import SUMS
from workbench.runs.finals import SAMPLES, SKIPPED, Tables, joined, names_of, read_tables, write_tables

TABLES = joined(RECORDS, SCHEMA)
NAMES = names_of("rows", keeps_samples=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tables(tmp_path, "rows", TABLES, keeps_samples=True)
    return tmp_path


def test_they_come_back(folder: Path) -> None:
    found, bad = read_tables(folder, "rows", legacy=False)
    tables = Tables(**found)
    assert bad == []
    assert same(tables.rows, TABLES.rows)
    assert same(tables.samples, TABLES.samples)
    assert tables.skipped == TABLES.skipped
    assert NAMES == ["rows.parquet", SAMPLES, SKIPPED]


@pytest.mark.parametrize("name", NAMES)
def test_one_that_is_damaged_cut_or_gone_is_named_and_the_others_are_read(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    for content in (bytes(flipped), whole[:-1], whole + b"\n", b"", None):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        found, bad = read_tables(folder, "rows", legacy=False)
        assert bad == [name]
        assert len(found) == 2
        path.write_bytes(whole)
    path.unlink()
    path.mkdir()
    assert read_tables(folder, "rows", legacy=False)[1] == [name], "a folder in its place"


def test_without_its_list_a_table_counts_only_in_the_folder_of_an_older_version(folder: Path) -> None:
    (folder / SUMS).unlink()
    assert read_tables(folder, "rows", legacy=False)[1] == NAMES
    assert read_tables(folder, "rows", legacy=True)[1] == []


def test_that_of_another_run_is_not_taken(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_tables(other, "rows", joined(RECORDS[:1], SCHEMA), keeps_samples=True)
    shutil.copy(other / "rows.parquet", folder / "rows.parquet")
    assert read_tables(folder, "rows", legacy=False)[1] == ["rows.parquet"]


def test_columns_that_an_older_version_lacked_are_empty(folder: Path) -> None:
    (folder / SUMS).unlink()
    pq.write_table(TABLES.samples.drop_columns(["peak_gb"]), folder / SAMPLES)
    found, bad = read_tables(folder, "rows", legacy=True)
    assert bad == []
    assert found["samples"]["peak_gb"].to_pylist() == [None, None]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "sample_id,flow\n1,2\n", "\x00", '"'])
def test_skipped_samples_of_another_shape_are_not_taken(folder: Path, text: str) -> None:
    (folder / SUMS).unlink()
    (folder / SKIPPED).write_text(text)
    assert read_tables(folder, "rows", legacy=True)[1] == [SKIPPED]
