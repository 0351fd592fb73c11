"""Where the records of a run are kept: one sample at a time, so that a killed run goes on where it stopped.

    manifest.json              settings, versions, device
    shards/TABLE-00012.parquet the sample's rows
    shards/sample-00012.json   its answer, what was skipped, and the sha256 of its rows
    TABLE.parquet, samples.parquet, skipped.csv     written when the last sample is done

TABLE is the name of the measurement's table, "effects" for a sweep. The json is written last: a sample counts
as done when its json can be read and its rows have the sha256 that the json names. Anything else (a file cut
off by a crash, a half-copied folder) is measured again.
"""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import filelock
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import RunError
from workbench.files import left_over, write_whole
from workbench.runs.legacy import read_part
from workbench.runs.manifest import check_same, now, read_manifest
from workbench.runs.measurement import Measurement
from workbench.runs.record import Record
from workbench.runs.tables import SAMPLES_SCHEMA, SampleRow, Skip, skipped_frame, table_of

MANIFEST = "manifest.json"
SHARDS = "shards"
SAMPLES = "samples.parquet"
SKIPPED = "skipped.csv"


class Tables(NamedTuple):
    """The tables of a run."""

    rows: pa.Table
    samples: pa.Table
    """What the untouched model answered; without rows where the measurement does not keep it."""
    skipped: tuple[Skip, ...]


def joined(records: Sequence[Record], schema: pa.Schema, *, left_out: Sequence[Skip] = ()) -> Tables:
    """The tables of records in sample order; `schema` is that of their rows.

    `left_out` is what the data set had left out before.
    """
    samples = table_of([record.sample for record in records if record.sample is not None], SAMPLES_SCHEMA)
    return Tables(
        rows=pa.concat_tables([schema.empty_table(), *(record.rows for record in records)]),
        samples=samples,
        skipped=(*left_out, *(skip for record in records for skip in record.skipped)),
    )


class Store(Protocol):
    """Where records are kept while a run goes on. Positions count the samples from 0."""

    manifest: dict[str, Any]

    def get(self, position: int) -> Record | None: ...
    def put(self, position: int, record: Record) -> None: ...
    def finish(self, tables: Tables) -> None: ...
    def __enter__(self) -> Store: ...
    def __exit__(self, *exc: object) -> None: ...


def open_store(out: Path | str | None, manifest: dict[str, Any], measurement: Measurement) -> Store:
    """A store in the folder `out`, or in memory where it is None."""
    if out is None:
        return MemoryStore(manifest)
    return FolderStore(
        Path(out),
        manifest,
        measurement.table,
        measurement.schema,
        keeps_samples=measurement.keeps_samples,
    )


def holds_run(out: Path | str | None) -> bool:
    """Whether a run has begun in this folder."""
    return out is not None and (Path(out) / MANIFEST).exists()


class MemoryStore:
    """A store that keeps nothing: the caller holds the records."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.manifest = manifest

    def get(self, position: int) -> Record | None:
        return None

    def put(self, position: int, record: Record) -> None:
        return None

    def finish(self, tables: Tables) -> None:
        self.manifest["finished"] = now()

    def __enter__(self) -> MemoryStore:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


class FolderStore:
    """A store in a run folder, held by one process at a time.

    Raises RunError where the folder holds a run with other settings, another process is writing to it, or it
    cannot be written.
    """

    def __init__(
        self, path: Path, manifest: dict[str, Any], table: str, schema: pa.Schema, *, keeps_samples: bool
    ) -> None:
        """`table`, `schema` and `keeps_samples` as in Measurement."""
        self.path = Path(path)
        self.manifest = manifest
        self._table, self._schema, self._keeps_samples = table, schema, keeps_samples
        self._noted = False
        if self.path.exists() and not self.path.is_dir():
            raise RunError(
                f"{self.path} is a file; out= must name a folder, which is made where it does not exist."
            )
        try:
            (self.path / SHARDS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        self._lock = filelock.FileLock(self.path / ".lock")

    def __enter__(self) -> FolderStore:
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise RunError(
                f"Another process is writing to {self.path}. Wait until it ends, stop it, or choose another "
                "folder (out=)."
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.release()

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"{self.path} cannot be written ({error}). Choose another folder (out=).")

    def _open(self) -> None:
        for unfinished in [*left_over(self.path), *left_over(self.path / SHARDS)]:
            unfinished.unlink()
        if not (self.path / MANIFEST).exists():
            self._write_manifest()
            self._noted = True
            return
        asked, self.manifest = self.manifest, read_manifest(self.path / MANIFEST)
        check_same(self.path, self.manifest, asked)
        self._resumed = {
            "time": asked["created"],
            **{key: asked[key] for key in ("command", "versions", "platform", "device_name")},
        }

    def write(self, tables: Tables) -> None:
        """Write the final tables."""
        write_whole(self.path / f"{self._table}.parquet", to_parquet(tables.rows))
        if self._keeps_samples:
            write_whole(self.path / SAMPLES, to_parquet(tables.samples))
        write_whole(self.path / SKIPPED, skipped_frame(tables.skipped).to_csv(index=False))

    def _write_manifest(self) -> None:
        write_whole(self.path / MANIFEST, to_json(self.manifest))

    def get(self, position: int) -> Record | None:
        return read_record(self.path, position, self._table, self._schema)

    def put(self, position: int, record: Record) -> None:
        """Write one sample's record; the json goes last and makes it count."""
        self._note_resume()
        rows = to_parquet(record.rows)
        write_whole(_rows_path(self.path, position, self._table), rows)
        body = {
            "sample": None if record.sample is None else record.sample._asdict(),
            "skipped": [skip._asdict() for skip in record.skipped],
            f"{self._table}_sha256": hashlib.sha256(rows).hexdigest(),
        }
        write_whole(_sample_path(self.path, position), to_json(body))

    def _note_resume(self) -> None:
        """Put this process on record, at its first call. One that finds everything done adds no numbers."""
        if self._noted:
            return
        self._noted = True
        changed = [
            f"{name} {self.manifest['versions'].get(name)} -> {version}"
            for name, version in self._resumed["versions"].items()
            if self.manifest["versions"].get(name) != version
        ]
        if changed:
            warnings.warn(
                f"The run in {self.path} goes on with other versions than at first: {', '.join(changed)}. "
                "Its numbers may differ a little between samples; the manifest records this.",
                stacklevel=2,
            )
        self.manifest["resumed"].append(self._resumed)
        self.manifest["finished"] = None
        self._write_manifest()

    def finish(self, tables: Tables) -> None:
        """Write the final tables, and into the manifest that all is done, and when."""
        self.write(tables)
        if self.manifest["finished"] is None:
            self.manifest["finished"] = now()
            self._write_manifest()


def read_record(path: Path, position: int, table: str, schema: pa.Schema | None = None) -> Record | None:
    """One sample's record, or None where it is missing or damaged.

    Without a `schema` its rows have the columns that they were stored with.
    """
    try:
        body = json.loads(_sample_path(path, position).read_bytes())
        rows = _rows_path(path, position, table).read_bytes()
        if hashlib.sha256(rows).hexdigest() != body[f"{table}_sha256"]:
            return None
        return Record(
            rows=pq.read_table(io.BytesIO(rows), schema=schema),
            sample=None if body["sample"] is None else SampleRow(**body["sample"]),
            skipped=tuple(Skip(**skip) for skip in body["skipped"]),
        )
    except FileNotFoundError:
        return read_part(path / SHARDS, position, schema)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, pa.ArrowInvalid):
        return None


def read_tables(path: Path, table: str) -> Tables | None:
    """The final tables of a run folder; None where one is missing or damaged."""
    samples = path / SAMPLES
    try:
        skipped = pd.read_csv(path / SKIPPED, dtype="str", keep_default_na=False)
        return Tables(
            rows=pq.read_table(path / f"{table}.parquet"),
            samples=pq.read_table(samples, schema=SAMPLES_SCHEMA)
            if samples.exists()
            else SAMPLES_SCHEMA.empty_table(),
            skipped=tuple(Skip(*row) for row in skipped.itertuples(index=False)),
        )
    except (OSError, ValueError, TypeError, pa.ArrowException):
        return None


def _sample_path(path: Path, position: int) -> Path:
    return path / SHARDS / f"sample-{position:05d}.json"


def _rows_path(path: Path, position: int, table: str) -> Path:
    return path / SHARDS / f"{table}-{position:05d}.parquet"


def to_parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a parquet file; equal tables give equal bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def to_json(body: object) -> str:
    """Readable json."""
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"
