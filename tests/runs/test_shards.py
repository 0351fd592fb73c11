"""One sample on disk: it counts for its own run and place, and where every bit is as it was written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.runs.test_folder import ANSWER, RECORDS, SCHEMA, record, same
from workbench.runs import Record, Skip
from workbench.runs.clips import ClipIdentity
from workbench.runs.shards import (
    Missing,
    Unusable,
    from_parquet,
    positions,
    read_shard,
    rows_path,
    runs_of,
    sample_path,
    to_parquet,
    write_shard,
)

RUN = "ab" * 32
CLIP = ClipIdentity("/clips/é.mp4", "3-4", "cd" * 32)


def put(
    folder: Path, position: int, made: Record = RECORDS[0], *, run: str = RUN, sample_id: str = ""
) -> None:
    write_shard(folder, position, "rows", made, run=run, sample_id=sample_id or f"s/{position}", clip=CLIP)


def get(folder: Path, position: int, **more: Any) -> Record:
    return read_shard(folder, position, "rows", SCHEMA, **{"run": RUN, "legacy": False, **more}).record


@pytest.mark.parametrize("made", RECORDS)
def test_a_record_comes_back_with_what_it_is_of(tmp_path: Path, made: Record) -> None:
    put(tmp_path, 7, made)
    found = read_shard(tmp_path, 7, "rows", SCHEMA, run=RUN, legacy=False)
    assert same(found.record.rows, made.rows)
    assert found.record[1:] == made[1:]
    assert (found.sample_id, found.clip) == ("s/7", CLIP)


def test_places_are_those_that_have_a_file(tmp_path: Path) -> None:
    assert positions(tmp_path) == []
    for position in (12, 3, 100_000):
        put(tmp_path, position)
    (tmp_path / "shards" / "sample-x.json").write_text("{}")
    (tmp_path / "shards" / "part-00004.parquet").write_text("")
    assert positions(tmp_path) == [3, 4, 12, 100_000]
    with pytest.raises(Missing):
        get(tmp_path, 5)


@pytest.mark.parametrize("suffix", ["json", "parquet"])
def test_no_bit_of_either_file_can_be_another(tmp_path: Path, suffix: str) -> None:
    """Every bit of the numbers, and every seventh of the rest."""
    put(tmp_path, 0, record([], ANSWER, Skip("s", "video -> last", "none")))
    path = sample_path(tmp_path, 0) if suffix == "json" else rows_path(tmp_path, 0, "rows")
    whole = path.read_bytes()
    accepted = []
    for bit in range(0, len(whole) * 8, 7):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        try:
            get(tmp_path, 0)
        except Unusable:
            continue
        accepted.append(bit)
    told = [bit for bit in accepted if not whole[bit // 8 : bit // 8 + 1].isspace()]
    assert told == [], "only blanks between the entries of the json may differ"
    path.write_bytes(whole)
    assert get(tmp_path, 0).sample == ANSWER


def test_a_shard_of_another_run_place_or_version_says_what_it_is(tmp_path: Path) -> None:
    put(tmp_path, 0, run="00" * 32)
    with pytest.raises(Unusable, match="a run with other settings"):
        get(tmp_path, 0)
    put(tmp_path, 1, sample_id="direction/1")
    for path in (tmp_path / "shards").glob("*-00001.*"):
        shutil.copy(path, path.with_name(path.name.replace("00001", "00002")))
    with pytest.raises(Unusable, match="that of another sample, 'direction/1'"):
        get(tmp_path, 2)
    body = json.loads(sample_path(tmp_path, 1).read_text("utf-8"))
    old = {key: body[key] for key in ("sample", "skipped", "rows_sha256")}
    sample_path(tmp_path, 1).write_text(json.dumps(old))
    with pytest.raises(Unusable, match="of which run"):
        get(tmp_path, 1)
    assert get(tmp_path, 1, legacy=True).sample == ANSWER
    assert list(runs_of(tmp_path)) == ["00" * 32, None, RUN]


def test_rows_that_were_swapped_with_anothers_are_not_taken(tmp_path: Path) -> None:
    put(tmp_path, 0, RECORDS[0])
    put(tmp_path, 1, RECORDS[2])
    one, two = rows_path(tmp_path, 0, "rows"), rows_path(tmp_path, 1, "rows")
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    for position in (0, 1):
        with pytest.raises(Unusable, match="its rows are damaged, or those of another sample"):
            get(tmp_path, position)


def test_other_columns_are_not_taken(tmp_path: Path) -> None:
    put(tmp_path, 0)
    with pytest.raises(Unusable, match="other columns"):
        read_shard(tmp_path, 0, "rows", SCHEMA.remove(0), run=RUN, legacy=False)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"null",
        b"[]",
        b'{"sample": 3, "skipped": []}',
        b'{"sample": {"sample_id": 5}, "skipped": []}',
        b'{"sample": null, "skipped": [5]}',
        b'{"sample": null, "skipped": [{"sample_id": "a"}]}',
        b'{"sample": null, "skipped": null}',
        b'{"sample": null, "skipped": [], "run": 5}',
        b'{"sample": null, "skipped": [], "clip": {"path": 1}}',
    ],
)
@pytest.mark.parametrize("legacy", [True, False])
def test_a_json_of_another_shape_is_as_good_as_none(tmp_path: Path, body: bytes, legacy: bool) -> None:
    put(tmp_path, 0)
    sample_path(tmp_path, 0).write_bytes(body)
    with pytest.raises(Unusable):
        get(tmp_path, 0, legacy=legacy)


def test_a_folder_in_the_place_of_a_file_is_as_good_as_none(tmp_path: Path) -> None:
    put(tmp_path, 0)
    rows_path(tmp_path, 0, "rows").unlink()
    rows_path(tmp_path, 0, "rows").mkdir()
    with pytest.raises(Unusable):
        get(tmp_path, 0)
    put(tmp_path, 1)
    sample_path(tmp_path, 1).unlink()
    sample_path(tmp_path, 1).mkdir()
    with pytest.raises(Unusable):
        get(tmp_path, 1)


def test_equal_tables_are_equal_bytes() -> None:
    rows = RECORDS[0].rows
    assert to_parquet(rows) == to_parquet(from_parquet(to_parquet(rows)))
