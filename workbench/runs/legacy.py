"""Shards as 0.1.0 wrote them for all but sweeps: one file a sample, with the reason in its metadata."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.runs.record import Record
from workbench.runs.tables import Skip

_REASON = b"skipped"


def read_part(shards: Path, position: int, schema: pa.Schema | None) -> Record | None:
    """The record of shards/part-00012.parquet; None where it is missing or damaged.

    Such a part does not name its sample: what is skipped has an empty id, which the loop fills in.
    """
    try:
        table = pq.read_table(io.BytesIO((shards / f"part-{position:05d}.parquet").read_bytes()))
    except (OSError, pa.ArrowInvalid):
        return None
    reason = (table.schema.metadata or {}).get(_REASON)
    table = table.replace_schema_metadata(None)
    if reason is None or (schema is not None and not table.schema.equals(schema)):
        return None
    return Record(table, None, (Skip("", "", reason.decode()),) if reason else ())
