"""Any run's folder, opened without knowing which analysis made it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from workbench.checksums import MANIFEST
from workbench.errors import RunError
from workbench.runs.finals import SAMPLES
from workbench.runs.loop import Measured
from workbench.runs.manifest import read_manifest
from workbench.runs.run import load_measured
from workbench.runs.shards import SHARDS, positions

_SHARD = re.compile(r"(?P<table>.+)-\d{5,9}\.parquet")


class Opened(NamedTuple):
    """A run's folder."""

    folder: Path
    kind: str
    """The analysis that made it: "sweep", "study", ..."""
    table: str
    """Its table is TABLE.parquet."""
    done: int
    """Samples that have a record, skipped ones included."""
    measured: Measured

    @property
    def manifest(self) -> dict[str, Any]:
        """Settings, versions and device."""
        return self.measured.manifest

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the numbers."""
        return self.manifest["settings"]

    def rows(self) -> pd.DataFrame:
        """Its table; for an analysis without rows (accuracy by first token), the samples."""
        return self.measured.table if len(self.measured.table) else self.measured.samples


def open_run(folder: Path | str) -> Opened:
    """Read a run's folder, whatever it was made by. One that is unfinished gives what it has so far.

    Raises RunError where the folder holds no run, or one whose tables are lost.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise RunError(
            f"{folder} holds no run: it has no {MANIFEST}. Name the folder that was given as out= (or --out)."
        )
    manifest = read_manifest(folder / MANIFEST)
    table = table_of_folder(folder)
    found = load_measured(folder, manifest["kind"], table, empty=pa.schema([]))
    return Opened(folder, manifest["kind"], table, samples_done(folder, manifest), found)


def samples_done(folder: Path, manifest: Mapping[str, Any]) -> int:
    """How many of a run's samples have a record; all, of one that is finished and was stored without."""
    count = int(manifest["settings"].get("samples", 0))
    there = sum(position < count for position in positions(folder))
    return there or (count if manifest["finished"] is not None else 0)


def table_of_folder(folder: Path) -> str:
    """The name of a run's table. Raises RunError where nothing says it."""
    for file in sorted((folder / SHARDS).glob("*.parquet"))[:1]:
        if match := _SHARD.fullmatch(file.name):
            return match["table"]
    alone = [file.stem for file in folder.glob("*.parquet") if file.name != SAMPLES]
    if len(alone) == 1:
        return alone[0]
    raise RunError(
        f"{folder} holds no sample's record yet, and {len(alone) or 'no'} tables. Start its command again."
    )
