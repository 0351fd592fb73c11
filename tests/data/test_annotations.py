"""Files of any form give the same rows, and only files of their folder are read."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data.annotations import find_files, read_rows
from workbench.errors import SampleError

ROWS = [{"a": "x", "b": "1"}, {"a": 'say "hi", twice\nover', "b": "ü"}]


def test_the_same_rows_in_every_form(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps(ROWS), "utf-8")
    (tmp_path / "f.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n\n", "utf-8")
    text = 'a,b\nx,1\n"say ""hi"", twice\nover",ü\n\n'
    (tmp_path / "f.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (tmp_path / "f.tsv").write_text(
        text.replace("x,1", "x\t1").replace("a,b", "a\tb").replace('",ü', '"\tü'), "utf-8"
    )
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "f.parquet")
    for ending in ("json", "jsonl", "csv", "tsv", "parquet"):
        rows = list(read_rows(tmp_path / f"f.{ending}", tmp_path))
        assert [row.entry for row in rows] == ROWS, ending
        assert rows[1].where.endswith(f"2 of f.{ending}")
    (tmp_path / "keyed.json").write_text(json.dumps({"k1": ROWS[0]}), "utf-8")
    (row,) = read_rows(tmp_path / "keyed.json")
    assert row == (ROWS[0], "entry 'k1' of keyed.json", "k1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("a,a\n1,2\n", "two columns of one name"),
        ('a,b\n"x,1\n', "is no CSV"),
    ],
)
def test_csv_that_cannot_be_read(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(content, "utf-8")
    with pytest.raises(SampleError, match=said):
        list(read_rows(tmp_path / "f.csv"))


def test_a_row_with_too_few_cells_is_that_rows_fault(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a,b\n1\n2,3\n", "utf-8")
    first, second = read_rows(tmp_path / "f.csv")
    assert first.entry == "1 cells for 2 columns"
    assert second.entry == {"a": "2", "b": "3"}


def test_files_are_found_where_they_usually_are(tmp_path: Path) -> None:
    (tmp_path / "inner" / "data").mkdir(parents=True)
    (tmp_path / "inner" / "data" / "x.json").write_text("[]", "utf-8")
    (tmp_path / "inner" / "data" / "._x.json").write_text("", "utf-8")
    assert [file.name for file in find_files(tmp_path / "inner", "*.json", "data/*.json", what="..")] == [
        "x.json"
    ]
    with pytest.raises(SampleError, match=r"should have data/TASK\.json\. Did you mean .*inner"):
        find_files(tmp_path, "data/*.json", what="data/TASK.json")


def test_what_leads_out_or_has_another_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "outside.json").write_text("[]", "utf-8")
    (tmp_path / "set" / "in.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(SampleError, match="leads out"):
        list(read_rows(tmp_path / "set" / "in.json", tmp_path / "set"))
    with pytest.raises(SampleError, match="annotations are read from"):
        list(read_rows(tmp_path / "a.pkl"))
