"""A run as files that other tools read: csv, parquet, or a folder that `datasets.load_dataset` takes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.checksums import MANIFEST
from workbench.errors import RunError
from workbench.files import whole_folder, write_whole
from workbench.runs.opened import Opened, open_run
from workbench.runs.shards import to_json

METADATA = b"workbench"
"""Where a parquet file has the run's manifest, as JSON."""


def export_run(folder: Path | str, to: Path | str) -> Path:
    """Write a run's table elsewhere; the run itself stays as it is.

    `to` decides the form. A name in .csv or .parquet is the table, a row as in the run, with the columns
    model and data before it where it has none; a parquet file carries the manifest in its metadata
    ("workbench"). A name without an ending is a new folder in the layout of data sets of the hub: README.md,
    data/*.parquet, manifest.json; `datasets.load_dataset(folder, name)` reads each table.

    Raises RunError where `folder` holds no run, for other endings, and where a folder `to` is there already;
    WriteError where it cannot be written.
    """
    run, to = open_run(folder), Path(to)
    if to.suffix == ".csv":
        return write_whole(to, _named(run).to_csv(index=False))
    if to.suffix == ".parquet":
        return write_whole(to, _parquet(_named(run), run.manifest))
    if to.suffix:
        raise RunError(
            f"--to {to} ends in {to.suffix!r}: give a name in .csv or .parquet, or without an ending for a "
            "folder that datasets.load_dataset reads."
        )
    return _dataset(run, to)


def _named(run: Opened) -> pd.DataFrame:
    """The table, with the model and data that it is of."""
    rows = run.rows()
    told = {name: run.settings.get(name) for name in ("model", "data") if name not in rows}
    return pd.concat([pd.DataFrame(told, index=rows.index), rows], axis="columns")


def _parquet(table: pd.DataFrame, manifest: dict[str, Any]) -> bytes:
    found = pa.Table.from_pandas(table, preserve_index=False)
    found = found.replace_schema_metadata({METADATA: json.dumps(manifest).encode("utf-8")})
    sink = io.BytesIO()
    pq.write_table(found, sink)
    return sink.getvalue()


def _dataset(run: Opened, to: Path) -> Path:
    tables = {run.table: run.measured.table, "samples": run.measured.samples, "skipped": run.measured.skipped}
    tables = {name: table for name, table in tables.items() if len(table)}
    if to.exists() or to.is_symlink():
        raise RunError(f"{to} is there already. Export into a new folder, or a name in .csv or .parquet.")
    with whole_folder(to) as made:
        (made / "data").mkdir()
        for name, table in tables.items():
            write_whole(made / "data" / f"{name}.parquet", _parquet(table, run.manifest))
        write_whole(made / MANIFEST, to_json(run.manifest))
        write_whole(made / "README.md", _card(run, {name: len(table) for name, table in tables.items()}))
    return to


def _card(run: Opened, counts: dict[str, int]) -> str:
    """README.md: what `load_dataset` needs, and what a person does."""
    configs = "".join(
        f"- config_name: {name}\n  data_files: data/{name}.parquet\n"
        + "  default: true\n" * (name == run.table)
        for name in counts
    )
    told = {key: run.settings.get(key) for key in ("model", "data", "dtype", "frames", "style")}
    lines = [f"- {key}: `{value}`" for key, value in told.items() if value is not None]
    listed = [f"- `{name}`: {count} rows" for name, count in counts.items()]
    command = run.manifest.get("command")
    return "\n".join(
        [
            f"---\nconfigs:\n{configs}---\n",
            f"# {run.kind}, by video-llm-workbench {run.manifest['versions'].get('workbench', '')}\n",
            *lines,
            "",
            *listed,
            "",
            "`manifest.json` has every setting, with versions and device."
            + (f"\n\n    {command}" if command else ""),
            "",
        ]
    )
