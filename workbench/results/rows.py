"""A run folder of plain rows: what an analysis with columns of its own writes, sample by sample.

    manifest.json            settings, versions, device
    shards/rows-00012.json   the rows of one sample, and what was skipped of it
    NAME.parquet, skipped.csv     written when the last sample is done

A shard appears whole or not at all; one that cannot be read is computed again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

import pandas as pd
import pyarrow as pa

from workbench.results.folder import (
    MANIFEST,
    SHARDS,
    SKIPPED,
    FolderStore,
    to_json,
    to_parquet,
    write_atomically,
)
from workbench.results.manifest import now
from workbench.results.tables import Skip, skipped_frame

Row = TypeVar("Row", bound=tuple)
_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


class SampleRows(NamedTuple, Generic[Row]):
    """All that a run keeps of one sample."""

    rows: tuple[Row, ...]
    skipped: tuple[Skip, ...] = ()


class RowStore(Generic[Row]):
    """Rows by the position of their sample, from 0; in a folder, or in memory where it is None.

    `kind` is the NamedTuple of a row, with fields of str, int, float and bool. Raises RunError as
    `FolderStore`.
    """

    def __init__(self, out: Path | str | None, manifest: dict[str, Any], kind: type[Row], name: str) -> None:
        self.kind = kind
        self.name = name
        self._folder = None if out is None else FolderStore(Path(out), manifest)
        self._manifest = manifest

    def __enter__(self) -> RowStore[Row]:
        if self._folder is not None:
            self._folder.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._folder is not None:
            self._folder.__exit__(*exc)

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest; of a run that goes on, the one it began with."""
        return self._manifest if self._folder is None else self._folder.manifest

    def get(self, position: int) -> SampleRows[Row] | None:
        """What an earlier process has left of this sample; None where it is missing or damaged."""
        if self._folder is None:
            return None
        try:
            body = json.loads(self._shard(self._folder, position).read_bytes())
            return SampleRows(
                tuple(self.kind(**row) for row in body["rows"]),
                tuple(Skip(**skip) for skip in body["skipped"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, position: int, found: SampleRows[Row]) -> None:
        """Keep one sample's rows."""
        if self._folder is None:
            return
        self._folder.note_resume()
        body = {
            "rows": [row._asdict() for row in found.rows],  # pyright: ignore[reportAttributeAccessIssue]
            "skipped": [skip._asdict() for skip in found.skipped],
        }
        write_atomically(self._shard(self._folder, position), to_json(body))

    def finish(self, found: Sequence[SampleRows[Row]], skipped: Sequence[Skip] = ()) -> pd.DataFrame:
        """The table of all rows; in a folder it is written, and the run is marked as finished."""
        table = rows_frame(self.kind, [row for sample in found for row in sample.rows])
        if self._folder is None:
            self._manifest["finished"] = now()
            return table
        path = self._folder.path
        arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
        write_atomically(path / f"{self.name}.parquet", to_parquet(arrow))
        write_atomically(path / SKIPPED, self.skipped(found, skipped).to_csv(index=False).encode())
        if self.manifest["finished"] is None:
            self.manifest["finished"] = now()
            write_atomically(path / MANIFEST, to_json(self.manifest))
        return table

    def skipped(self, found: Sequence[SampleRows[Row]], before: Sequence[Skip] = ()) -> pd.DataFrame:
        """What could not be used; `before` is what the data set had left out."""
        return skipped_frame([*before, *(skip for sample in found for skip in sample.skipped)])

    @staticmethod
    def _shard(folder: FolderStore, position: int) -> Path:
        return folder.path / SHARDS / f"rows-{position:05d}.json"


def rows_frame(kind: type[tuple], rows: Sequence[tuple]) -> pd.DataFrame:
    """A data frame with the fields of `kind` as columns of fixed types, also where there is no row."""
    schema = pa.schema([pa.field(name, _ARROW[hint]) for name, hint in get_type_hints(kind).items()])
    return pa.Table.from_pylist(
        [row._asdict() for row in rows],  # pyright: ignore[reportAttributeAccessIssue]
        schema=schema,
    ).to_pandas()
