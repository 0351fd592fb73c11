"""A run folder of an analysis with a table of its own: one part a sample, and on a restart only the rest.

    manifest.json              settings, versions, device
    shards/part-00012.parquet  the sample's rows; in its metadata, why it was skipped
    NAME.parquet, skipped.csv  written when the last sample is done

A part appears whole or not at all, so what can be read is done. Without a folder everything is in memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.files import write_whole
from workbench.runs.manifest import now
from workbench.runs.store import SHARDS, SKIPPED, FolderStore, to_parquet
from workbench.runs.tables import Skip, skipped_frame

_REASON = b"skipped"


class Part(NamedTuple):
    """All that is kept of one sample."""

    table: pa.Table
    skipped: str = ""
    """Why there are no rows; empty for a sample that was measured."""


class PartStore:
    """Parts of one analysis, by the position of their sample, in the folder `out` or in memory.

    Raises RunError where the folder holds a run with other settings, another process is writing to it, or it
    cannot be written.
    """

    def __init__(self, out: Path | str | None, manifest: dict[str, Any], schema: pa.Schema) -> None:
        self._folder = None if out is None else FolderStore(Path(out), manifest)
        self._manifest = manifest
        self._schema = schema

    @property
    def manifest(self) -> dict[str, Any]:
        return self._manifest if self._folder is None else self._folder.manifest

    def __enter__(self) -> PartStore:
        if self._folder is not None:
            self._folder.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._folder is not None:
            self._folder.__exit__(*exc)

    def part(self, rows: Iterable[tuple[Any, ...]], skipped: str = "") -> Part:
        """A part from rows: named tuples with the fields of the schema."""
        columns = list(zip(*rows, strict=True)) or [()] * len(self._schema)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        return Part(pa.Table.from_arrays(arrays, schema=self._schema), skipped)

    def get(self, position: int) -> Part | None:
        """What is stored of a sample; None where it is missing or damaged."""
        if self._folder is None:
            return None
        try:
            table = pq.read_table(io.BytesIO(self._path(self._folder, position).read_bytes()))
        except (OSError, pa.ArrowInvalid):
            return None
        reason = (table.schema.metadata or {}).get(_REASON, b"").decode()
        table = table.replace_schema_metadata(None)
        return Part(table, reason) if table.schema.equals(self._schema) else None

    def put(self, position: int, part: Part) -> None:
        if self._folder is not None:
            self._folder.note_resume()
            named = part.table.replace_schema_metadata({_REASON: part.skipped.encode()})
            write_whole(self._path(self._folder, position), to_parquet(named))

    def finish(self, name: str, parts: Sequence[Part], skipped: Sequence[Skip]) -> pa.Table:
        """All rows in one table, stored as NAME.parquet; `skipped` goes into skipped.csv."""
        table = pa.concat_tables([self._schema.empty_table(), *(part.table for part in parts)])
        if self._folder is None:
            self._manifest["finished"] = now()
        else:
            write_whole(self._folder.path / f"{name}.parquet", to_parquet(table))
            write_whole(self._folder.path / SKIPPED, skipped_frame(skipped).to_csv(index=False).encode())
            self._folder.note_finished()
        return table

    @staticmethod
    def _path(folder: FolderStore, position: int) -> Path:
        return folder.path / SHARDS / f"part-{position:05d}.parquet"
