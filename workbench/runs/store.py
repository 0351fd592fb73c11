"""A run folder: one record a sample, written as it is made, so that a killed run goes on where it stopped.

    manifest.json              settings, versions, device
    shards/sample-00012.json   the sample's row, what was skipped, and the sha256 of its effects
    shards/effects-00012.parquet
    effects.parquet, samples.parquet, skipped.csv     written when the last sample is done

The json is written last: a sample counts as done when its json can be read and its effects have the sha256
that the json names. Anything else (a file cut off by a crash, a half-copied folder) is computed again.
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
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import RunError
from workbench.files import write_whole
from workbench.runs.manifest import check_same, now, read_manifest
from workbench.runs.tables import (
    EFFECTS_SCHEMA,
    SampleRow,
    Skip,
    Tables,
    effects_table,
    samples_table,
    skipped_frame,
)

MANIFEST = "manifest.json"
SHARDS = "shards"
EFFECTS = "effects.parquet"
SAMPLES = "samples.parquet"
SKIPPED = "skipped.csv"


class Record(NamedTuple):
    """All that a run keeps of one sample."""

    sample: SampleRow | None
    """None where the sample was skipped."""
    effects: pa.Table
    skipped: tuple[Skip, ...]


class Store(Protocol):
    """Where records are kept while a run goes on. Positions count the samples from 0."""

    manifest: dict[str, Any]

    def get(self, position: int) -> Record | None: ...
    def put(self, position: int, record: Record) -> None: ...
    def finish(self, records: Sequence[Record], skipped: Sequence[Skip]) -> None: ...
    def __enter__(self) -> Store: ...
    def __exit__(self, *exc: object) -> None: ...


class MemoryStore:
    """A store that keeps nothing: the caller holds the records."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.manifest = manifest

    def get(self, position: int) -> Record | None:
        return None

    def put(self, position: int, record: Record) -> None:
        return None

    def finish(self, records: Sequence[Record], skipped: Sequence[Skip]) -> None:
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

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = Path(path)
        self.manifest = manifest
        self._noted = False
        if self.path.exists() and not self.path.is_dir():
            raise RunError(
                f"{self.path} is a file; out= must name a folder, which is made where it does not exist."
            )
        try:
            (self.path / SHARDS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"{self.path} cannot be written ({error}). Choose another folder (out=)."
            ) from error
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
            raise RunError(
                f"{self.path} cannot be written ({error}). Choose another folder (out=)."
            ) from error
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
        for left_over in [*self.path.glob("*.tmp"), *(self.path / SHARDS).glob("*.tmp")]:
            left_over.unlink()
        if not (self.path / MANIFEST).exists():
            write_whole(self.path / MANIFEST, to_json(self.manifest))
            self._noted = True
            return
        asked, self.manifest = self.manifest, read_manifest(self.path / MANIFEST)
        check_same(self.path, self.manifest, asked)
        self._resumed = {
            "time": asked["created"],
            **{key: asked[key] for key in ("command", "versions", "platform", "device_name")},
        }

    def get(self, position: int) -> Record | None:
        return read_record(self.path, position)

    def put(self, position: int, record: Record) -> None:
        self.note_resume()
        put_record(self.path, position, record)

    def note_resume(self) -> None:
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
        write_whole(self.path / MANIFEST, to_json(self.manifest))

    def finish(self, records: Sequence[Record], skipped: Sequence[Skip]) -> None:
        write_tables(self.path, assemble(records, skipped))
        self.note_finished()

    def note_finished(self) -> None:
        """Write into the manifest that all is done, and when."""
        if self.manifest["finished"] is None:
            self.manifest["finished"] = now()
            write_whole(self.path / MANIFEST, to_json(self.manifest))


def open_store(out: Path | str | None, manifest: dict[str, Any]) -> Store:
    """A store in the folder `out`, or in memory where it is None."""
    return MemoryStore(manifest) if out is None else FolderStore(Path(out), manifest)


def holds_run(out: Path | str | None) -> bool:
    """Whether a run has begun in this folder."""
    return out is not None and (Path(out) / MANIFEST).exists()


def assemble(records: Sequence[Record], skipped: Sequence[Skip] = ()) -> Tables:
    """One table from records in sample order; `skipped` is what the data set had left out before."""
    return Tables(
        effects=pa.concat_tables([record.effects for record in records]) if records else effects_table(()),
        samples=samples_table(record.sample for record in records if record.sample is not None),
        skipped=(*skipped, *(skip for record in records for skip in record.skipped)),
    )


def write_tables(path: Path, tables: Tables) -> None:
    """Write the final tables of a run into its folder."""
    write_whole(path / EFFECTS, to_parquet(tables.effects))
    write_whole(path / SAMPLES, to_parquet(tables.samples))
    write_whole(path / SKIPPED, skipped_frame(tables.skipped).to_csv(index=False).encode())


def put_record(path: Path, position: int, record: Record) -> None:
    """Write one sample's record; the json goes last and makes it count."""
    effects = to_parquet(record.effects)
    write_whole(_effects_path(path, position), effects)
    body = {
        "sample": None if record.sample is None else record.sample._asdict(),
        "skipped": [skip._asdict() for skip in record.skipped],
        "effects_sha256": hashlib.sha256(effects).hexdigest(),
    }
    write_whole(_sample_path(path, position), to_json(body))


def read_record(path: Path, position: int) -> Record | None:
    """One sample's record, or None where it is missing or damaged."""
    try:
        body = json.loads(_sample_path(path, position).read_bytes())
        effects = _effects_path(path, position).read_bytes()
        if hashlib.sha256(effects).hexdigest() != body["effects_sha256"]:
            return None
        return Record(
            sample=None if body["sample"] is None else SampleRow(**body["sample"]),
            effects=pq.read_table(io.BytesIO(effects), schema=EFFECTS_SCHEMA),
            skipped=tuple(Skip(**skip) for skip in body["skipped"]),
        )
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, pa.ArrowInvalid):
        return None


def _sample_path(path: Path, position: int) -> Path:
    return path / SHARDS / f"sample-{position:05d}.json"


def _effects_path(path: Path, position: int) -> Path:
    return path / SHARDS / f"effects-{position:05d}.parquet"


def to_parquet(table: pa.Table) -> bytes:
    """A table as the bytes of a parquet file; equal tables give equal bytes."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def to_json(body: object) -> bytes:
    """Readable json."""
    return (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()
