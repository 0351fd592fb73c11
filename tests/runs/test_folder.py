"""A run's folder: what is kept of a sample comes back, what is damaged or somebody else's does not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.errors import RunError
from workbench.runs import Record, SampleRow, Skip, new_manifest, table_of
from workbench.runs.finals import joined, read_tables
from workbench.runs.folder import FolderStore
from workbench.runs.settings import hash_of_settings
from workbench.runs.tables import schema_of


class Row(NamedTuple):
    name: str
    layer: int
    p: float
    right: bool


SCHEMA = schema_of(Row)
ROWS = [Row("a", 1, 0.5, True), Row("<é>", 2, float("nan"), False)]
ANSWER = SampleRow("s", "t", "A", 0.5, "A", "A", True, 9, 1.5)


def manifest(**settings: Any) -> dict[str, Any]:
    class Model:
        device = "cpu"

    return new_manifest("test", {"x": 1, **settings}, Model())


def store(out: Path, *, keeps_samples: bool = False, **settings: Any) -> FolderStore:
    return FolderStore(out, manifest(**settings), "rows", SCHEMA, keeps_samples=keeps_samples)


def record(rows: list[Row], sample: SampleRow | None = None, *skipped: Skip) -> Record:
    return Record(table_of(rows, SCHEMA), sample, skipped)


RECORDS = [
    record(ROWS, ANSWER),
    record([], None, Skip("b", "", "broken: <b>é</b>")),
    record(ROWS[:1], ANSWER, Skip("c", "video -> last", "no video")),
]


def same(one: pa.Table, two: pa.Table) -> bool:
    """NaN is equal to NaN here."""
    return one.schema == two.schema and str(one.to_pylist()) == str(two.to_pylist())


@pytest.mark.parametrize("keeps_samples", [True, False])
def test_records_come_back_and_become_one_table(tmp_path: Path, keeps_samples: bool) -> None:
    with store(tmp_path, keeps_samples=keeps_samples) as kept:
        for position, one in enumerate(RECORDS):
            kept.put(position, one)
        back = [kept.get(position) for position in range(4)]
        assert back[3] is None
        for got, put in zip(back[:3], RECORDS, strict=True):
            assert got is not None
            assert same(got.rows, put.rows)
            assert got[1:] == put[1:]
        tables = joined(RECORDS, SCHEMA, left_out=[Skip("z", "", "never there")])
        assert tables.rows["name"].to_pylist() == ["a", "<é>", "a"]
        assert [skip.sample_id for skip in tables.skipped] == ["z", "b", "c"]
        kept.finish(tables)
        assert kept.manifest["finished"]
    read, bad = read_tables(tmp_path, "rows", legacy=False)
    assert bad == []
    assert same(read["rows"], tables.rows)
    assert read["skipped"] == tables.skipped
    assert read["samples"].num_rows == (2 if keeps_samples else 0)
    assert (tmp_path / "samples.parquet").exists() is keeps_samples


@pytest.mark.parametrize("name", ["rows-00000.parquet", "sample-00000.json"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"{}", b"not a shard at all", "half", "one bit", None])
def test_a_damaged_shard_is_as_good_as_none(tmp_path: Path, name: str, content: bytes | str | None) -> None:
    with store(tmp_path) as kept:
        kept.put(0, RECORDS[0])
        path = tmp_path / "shards" / name
        whole = path.read_bytes()
        if content is None:
            path.unlink()
        elif content == "half":
            path.write_bytes(whole[: len(whole) // 2])
        elif content == "one bit":
            at = whole.index(b"sha256") + 12 if name.endswith("json") else len(whole) // 2
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        else:
            assert isinstance(content, bytes)
            path.write_bytes(content)
        assert kept.get(0) is None
        path.write_bytes(whole)
        assert kept.get(0) is not None


def test_rows_of_another_table_are_not_taken(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        kept.put(0, RECORDS[0])
        rows = tmp_path / "shards" / "rows-00000.parquet"
        pq.write_table(pq.read_table(rows).select(["name"]), rows)
        assert kept.get(0) is None


def test_other_settings_and_a_second_writer_are_refused(tmp_path: Path) -> None:
    with store(tmp_path):
        with pytest.raises(RunError, match="Another process"):
            store(tmp_path).__enter__()
    with pytest.raises(RunError, match="y: nothing in the folder"):
        store(tmp_path, y=2).__enter__()


def test_a_shard_says_in_plain_words_what_it_holds(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        kept.put(12, RECORDS[2])
    body = json.loads((tmp_path / "shards" / "sample-00012.json").read_text("utf-8"))
    assert body["sample"]["sample_id"] == "s"
    assert body["skipped"] == [{"sample_id": "c", "flow": "video -> last", "reason": "no video"}]
    run = hash_of_settings("test", {"x": 1})
    assert (body["run"], body["position"], body["sample_id"], body["clip"]) == (run, 12, "", None)
    rows = (tmp_path / "shards" / "rows-00012.parquet").read_bytes()
    assert body["rows_sha256"] == hashlib.sha256(rows).hexdigest()
    assert set(body) == {
        *("run", "position", "sample_id", "clip"),
        *("sample", "skipped", "rows_sha256", "sha256"),
    }
