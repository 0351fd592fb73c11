"""Shards as 0.1.0 wrote them for all but sweeps: one file a sample, with the reason in its metadata."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import RunError
from workbench.foreign import read_bytes
from workbench.runs.record import Record
from workbench.runs.tables import Skip

_REASON = b"skipped"


def read_part(shards: Path, position: int, schema: pa.Schema | None) -> Record | None:
    """The record of shards/part-00012.parquet; None where it is missing or damaged.

    Such a part does not name its sample: what is skipped has an empty id, which the loop fills in.
    """
    path = shards / f"part-{position:05d}.parquet"
    if not path.exists():
        return None
    try:
        with pq.ParquetFile(pa.BufferReader(read_bytes(path, error=RunError))) as file:
            table = file.read(use_threads=False)
        reason = (table.schema.metadata or {}).get(_REASON)
        text = None if reason is None else reason.decode()
    except (RunError, OSError, pa.ArrowException, UnicodeDecodeError):
        return None
    table = table.replace_schema_metadata(None)
    if text is None or (schema is not None and not table.schema.equals(schema)):
        return None
    return Record(table, None, (Skip("", "", text),) if text else ())
