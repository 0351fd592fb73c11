"""A run's final tables, TABLE.parquet, samples.parquet and skipped.csv, as SHA256SUMS lists them."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.checksums import is_as_listed, write_all_listed
from workbench.errors import RunError
from workbench.foreign import read_bytes
from workbench.runs.record import Record
from workbench.runs.shards import from_parquet, to_parquet
from workbench.runs.tables import SAMPLES_SCHEMA, SKIP_COLUMNS, Skip, skipped_frame, table_of

SAMPLES = "samples.parquet"
SKIPPED = "skipped.csv"
_MOST_BYTES = 2**34


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


def names_of(table: str, *, keeps_samples: bool) -> list[str]:
    """The files' names."""
    return [f"{table}.parquet", *([SAMPLES] if keeps_samples else []), SKIPPED]


def write_tables(path: Path, table: str, tables: Tables, *, keeps_samples: bool) -> None:
    """Write the final tables into a run's folder. Raises WriteError."""
    contents: dict[str, bytes | str] = {f"{table}.parquet": to_parquet(tables.rows)}
    if keeps_samples:
        contents[SAMPLES] = to_parquet(tables.samples)
    contents[SKIPPED] = skipped_frame(tables.skipped).to_csv(index=False)
    write_all_listed(path, contents)


def read_tables(path: Path, table: str, *, legacy: bool) -> tuple[dict[str, Any], list[str]]:
    """The final tables of a run's folder as they can be read, by field of Tables, and the files that cannot.

    A file counts where it is as listed; where an older version wrote the run and listed nothing, as it is.
    """
    found: dict[str, Any] = {}
    bad = []
    for field, name in (("rows", f"{table}.parquet"), ("samples", SAMPLES), ("skipped", SKIPPED)):
        file = path / name
        if field == "samples" and not os.path.lexists(file) and is_as_listed(file, b"") is None:
            found[field] = SAMPLES_SCHEMA.empty_table()
            continue
        try:
            content = read_bytes(file, error=RunError, most_bytes=_MOST_BYTES)
            as_listed = is_as_listed(file, content)
            if not (legacy if as_listed is None else as_listed):
                raise RunError(f"{name} is not what was written")
            found[field] = _parsed(field, content)
        except (RunError, OSError, ValueError, TypeError, pa.ArrowException):
            bad.append(name)
    return found, bad


def _parsed(field: str, content: bytes) -> Any:
    if field == "rows":
        return from_parquet(content)
    if field == "samples":  # an older version's may lack columns: they become empty
        return pq.read_table(io.BytesIO(content), schema=SAMPLES_SCHEMA)
    table = pd.read_csv(io.BytesIO(content), dtype="str", keep_default_na=False)
    if tuple(table.columns) != SKIP_COLUMNS:
        raise ValueError(f"columns are {list(table.columns)}")
    return tuple(Skip(*row) for row in table.itertuples(index=False))
