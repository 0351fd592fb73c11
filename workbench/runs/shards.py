"""One sample's record on disk: its rows, and a json that says what they are of.

    TABLE-00012.parquet   the rows
    sample-00012.json     its answer, what was skipped; which run, sample and clip it is of; sha256 of both

The json is written last. A record counts when both files are what was written, for this run and this place;
anything else is as good as none, with a reason.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from workbench.checksums import sum_of
from workbench.data import Sample
from workbench.errors import RunError
from workbench.files import write_whole
from workbench.foreign import read_bytes, read_json, validated
from workbench.runs.clips import ClipIdentity
from workbench.runs.legacy import read_part
from workbench.runs.record import Record
from workbench.runs.tables import SampleRow, Skip

SHARDS = "shards"
_NAME = re.compile(r"(?:sample|part)-(\d{5,9})\.(?:json|parquet)")


class Unusable(Exception):
    """A shard that does not count; its text says why."""


class Missing(Unusable):
    """There is none."""


class Shard(NamedTuple):
    """One sample's record, and what it is of."""

    record: Record
    sample_id: str | None
    """None in a shard of an older version, which does not say; so is the next."""
    clip: ClipIdentity | None


class _Body(BaseModel):
    """The json. What an older version did not write may be missing."""

    model_config = ConfigDict(extra="allow", strict=True)

    sample: SampleRow | None
    skipped: list[Skip]
    run: str | None = None
    position: int | None = None
    sample_id: str | None = None
    clip: ClipIdentity | None = None
    sha256: str | None = None


def write_shard(
    folder: Path,
    position: int,
    table: str,
    record: Record,
    *,
    run: str,
    sample_id: str,
    clip: ClipIdentity | None,
) -> None:
    """Write a record into a run's folder; the json goes last and makes it count. Raises WriteError."""
    # Dictionaries cost more than they save where there are few rows: half the time to read.
    rows = to_parquet(record.rows, use_dictionary=False)
    write_whole(rows_path(folder, position, table), rows)
    body: dict[str, Any] = {
        "run": run,
        "position": position,
        "sample_id": sample_id,
        "clip": None if clip is None else clip._asdict(),
        "sample": None if record.sample is None else record.sample._asdict(),
        "skipped": [skip._asdict() for skip in record.skipped],
        f"{table}_sha256": sum_of(rows),
    }
    write_whole(sample_path(folder, position), to_json({**body, "sha256": _sum(body)}))


def read_shard(
    folder: Path, position: int, table: str, schema: pa.Schema | None = None, *, run: str, legacy: bool
) -> Shard:
    """One sample's record. Raises Unusable where there is none that counts.

    Without a `schema` its rows have the columns that they were stored with. `run` is the hash of the run's
    settings; `legacy` says that an older version began the run: shards may lack what it did not write.
    """
    path = sample_path(folder, position)
    try:
        if not path.exists():
            return _read_legacy(folder, position, schema, legacy)
        if not rows_path(folder, position, table).exists():
            raise Missing("its rows are missing")
        found = read_json(path, error=RunError)
        body = validated(_Body, found, source=path.name, error=RunError)
        _check(body, found, position, run, legacy)
        content = read_bytes(rows_path(folder, position, table), error=RunError)
        if sum_of(content) != found.get(f"{table}_sha256"):
            raise Unusable("its rows are damaged, or those of another sample")
        rows = from_parquet(content)
    except (RunError, pa.ArrowException, OSError) as error:
        raise Unusable("it is damaged") from error
    if schema is not None and not rows.schema.equals(schema):
        raise Unusable("its rows have other columns")
    return Shard(Record(rows, body.sample, tuple(body.skipped)), body.sample_id, body.clip)


def _read_legacy(folder: Path, position: int, schema: pa.Schema | None, legacy: bool) -> Shard:
    record = read_part(folder / SHARDS, position, schema) if legacy else None
    if record is None:
        raise Missing("there is none")
    return Shard(record, None, None)


def _check(body: _Body, found: dict[str, Any], position: int, run: str, legacy: bool) -> None:
    """Raise Unusable where the json is not whole, or not of this run and place."""
    if body.run is None:
        if not legacy:
            raise Unusable("it does not say of which run it is")
        return
    if _sum({key: value for key, value in found.items() if key != "sha256"}) != body.sha256:
        raise Unusable("it is damaged")
    if body.run != run:
        raise Unusable("it is of a run with other settings")
    if body.position != position:
        raise Unusable(f"it is that of another sample, {body.sample_id!r}")


def positions(folder: Path) -> list[int]:
    """Places of the samples that a run's folder has something of, in order."""
    try:
        names = [path.name for path in (folder / SHARDS).iterdir()]
    except OSError:
        return []
    return sorted({int(found[1]) for name in names if (found := _NAME.fullmatch(name))})


def runs_of(folder: Path) -> Iterator[str | None]:
    """Which runs the shards in a folder say that they are of; None for those that do not say."""
    for position in positions(folder):
        try:
            path = sample_path(folder, position)
            found = read_json(path, error=RunError) if path.exists() else {}
            yield validated(_Body, found, source=path.name, error=RunError).run
        except RunError:
            yield None


def other_clips(folder: Path, samples: Sequence[Sample]) -> list[str]:
    """Clips of a run's samples, in order, that are not those that it was made of, as far as it says."""
    found = []
    for position, sample in enumerate(samples):
        path = sample_path(folder, position)
        if path.exists():
            body = validated(_Body, read_json(path, error=RunError), source=str(path), error=RunError)
            if body.clip is not None and body.clip.is_still(sample.video) is not True:
                found.append(str(sample.video))
    return found


def sample_path(folder: Path, position: int) -> Path:
    return folder / SHARDS / f"sample-{position:05d}.json"


def rows_path(folder: Path, position: int, table: str) -> Path:
    return folder / SHARDS / f"{table}-{position:05d}.parquet"


def to_parquet(table: pa.Table, *, use_dictionary: bool = True) -> bytes:
    """A table as the bytes of a parquet file; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=use_dictionary)
    return sink.getvalue().to_pybytes()


def from_parquet(content: bytes) -> pa.Table:
    """A table from the bytes of a parquet file. Raises pa.ArrowException or OSError where they are none."""
    # Not pq.read_table, which would set up a data set of one file: ten times as long.
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        return file.read(use_threads=False)


def to_json(body: object) -> str:
    """Readable json."""
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _sum(body: dict[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
