"""The result of a sweep: its table, its samples, what was skipped, and where it came from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.attached import attached
from workbench.checksums import MANIFEST
from workbench.errors import RunError
from workbench.files import write_whole
from workbench.runs.finals import Tables, joined, read_tables
from workbench.runs.folder import Damaged, FolderStore
from workbench.runs.loop import Measured, measured
from workbench.runs.manifest import is_legacy, read_manifest, settings_sum
from workbench.runs.shards import Unusable, positions, read_shard, to_json
from workbench.runs.tables import (
    EFFECT_COLUMNS,
    EFFECTS_SCHEMA,
    SAMPLES_SCHEMA,
    Skip,
    arrow_table,
    effects_schema,
)
from workbench.statistics.cautions import ROUNDING

if TYPE_CHECKING:
    import plotly.graph_objects as go

KIND, TABLE = "sweep", "effects"
"""What a sweep is called in its manifest, and its table in its folder."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """The result of a sweep."""

    table: pd.DataFrame
    """One row a sample, flow, window and layer, in that order. Columns: `workbench.runs.Effect`."""
    samples: pd.DataFrame
    """One row a sample that was measured, wrong ones included. Columns: `workbench.runs.SampleRow`."""
    skipped: pd.DataFrame
    """What could not be used, with the reason. Columns: `workbench.runs.Skip`."""
    manifest: dict[str, Any]
    """Settings, versions and device."""
    folder: Path | None = None
    """Where the run is stored; None for a run in memory."""

    @property
    def finished(self) -> bool:
        """Whether every sample is done. False for a folder that is still being written, or was killed."""
        return self.manifest["finished"] is not None

    @property
    def noise_percent(self) -> float:
        """How far rounding alone moves the answer's probability, in percent: as measured, or as float32 does.
        Differences of less mean nothing."""
        measured = self.samples["noise_percent"].to_numpy(np.float64)
        return float(max([ROUNDING, *measured[np.isfinite(measured)]]))

    @property
    def rounding(self) -> str:
        """What rounding alone does to the traced probability, in a sentence; empty where it was not measured,
        as in float32."""
        measured = self.samples["noise_percent"].dropna()
        if not len(measured):
            return ""
        return (
            f"Noise floor: rounding in {self.manifest['settings'].get('dtype')} alone moves the answer's "
            f"probability by up to {measured.max():.2g} % ({len(measured)} samples). "
            "Smaller changes mean nothing."
        )

    figure: ClassVar[Callable[..., go.Figure]] = attached()
    """Its figure: `workbench.figures.of_results`."""
    save_figure: ClassVar[Callable[..., Path]] = attached()
    """Its figure in a file: `run.save_figure("flow.pdf")`, .svg or .png; `workbench.pages.drawing`."""

    def save(self, path: Path | str) -> Path:
        """Write the run into a folder, to be read by `load_run` and `workbench report`.

        Raises RunError where the folder holds another run, or cannot be written.
        """
        path = Path(path)
        if (path / MANIFEST).exists() and read_manifest(path / MANIFEST) != self.manifest:
            raise RunError(f"{path} holds another run. Choose another folder, or delete it.")
        schema = effects_schema(self.table.columns[len(EFFECT_COLUMNS) :])
        tables = Tables(
            rows=arrow_table(self.table, schema),
            samples=arrow_table(self.samples, SAMPLES_SCHEMA),
            skipped=tuple(Skip(*row) for row in self.skipped.itertuples(index=False)),
        )
        with FolderStore(path, self.manifest, TABLE, schema, keeps_samples=True) as store:
            store.write(tables)
            write_whole(path / MANIFEST, to_json(self.manifest))
        return path

    def __repr__(self) -> str:
        settings = self.manifest["settings"]
        state = "" if self.finished else ", unfinished"
        where = f", folder={str(self.folder)!r}" if self.folder else ""
        return (
            f"Run({settings.get('model')} on {settings.get('data')}: {len(self.samples)} samples, "
            f"{len(self.table)} effects, {len(self.skipped)} skipped{state}{where})"
        )


def as_run(found: Measured) -> Run:
    """The run of a sweep's measurement."""
    return Run(**found._asdict())


def load_run(folder: Path | str) -> Run:
    """Read a run folder. One that is unfinished gives what it has so far, with `finished` False.

    Raises RunError where the folder holds no run, or that of another analysis.
    """
    found = load_measured(folder, KIND, TABLE, empty=EFFECTS_SCHEMA)
    columns = tuple(found.table.columns)
    if columns[: len(EFFECT_COLUMNS)] != EFFECT_COLUMNS:
        raise RunError(
            f"{Path(folder) / TABLE}.parquet has the columns {', '.join(columns)}; a sweep's begin with "
            f"{', '.join(EFFECT_COLUMNS)}. Restore the folder, or run again."
        )
    return as_run(found)


def load_measured(folder: Path | str, kind: str, table: str, *, empty: pa.Schema | None = None) -> Measured:
    """What `measure_samples` left in a folder; `kind` and `table` are the measurement's name and its table's.

    A run that is unfinished gives what it has so far, with the columns of `empty` where that is nothing;
    without `empty` it is refused. Raises RunError for it, and where the folder holds no run, or that of
    another analysis.
    """
    folder = Path(folder)
    if not os.path.isfile(folder / MANIFEST):
        raise RunError(
            f"{folder} holds no run: it has no {MANIFEST}. Name the folder that was given as out= (or --out)."
        )
    manifest = read_manifest(folder / MANIFEST)
    if manifest["kind"] != kind:
        raise RunError(
            f"{folder} holds the results of another analysis ({manifest['kind']}), not those of a {kind}. "
            "Its own tables are in there, for example accuracy.csv."
        )
    finished = manifest["finished"] is not None
    if not finished and empty is None:
        raise RunError(f"The run in {folder} is not finished. Start its command again; it goes on.")
    if not finished:
        tables, _ = _from_shards(folder, manifest, table, empty)
        return measured(tables, manifest, folder)
    found, bad = read_tables(folder, table, legacy=is_legacy(manifest))
    if bad:
        tables, left = _from_shards(folder, manifest, table, empty)
        if not left:
            raise RunError(
                f"The tables in {folder} are missing or damaged ({', '.join(bad)}), and it holds no shards "
                "to make them from. Restore the folder, or run again."
            )
        warnings.warn(
            f"In {folder}, {', '.join(bad)} is missing or damaged, and was made again from what each sample "
            "left. Start the run's command again to have it written.",
            Damaged,
            stacklevel=3,
        )
        found = {**tables._asdict(), **found}
        if left < manifest["settings"].get("samples", 0):
            manifest = {**manifest, "finished": None}
    return measured(Tables(**found), manifest, folder)


def _from_shards(
    folder: Path, manifest: dict[str, Any], table: str, empty: pa.Schema | None
) -> tuple[Tables, int]:
    """What the samples left, and how many did."""
    count, run, legacy = manifest["settings"].get("samples", 0), settings_sum(manifest), is_legacy(manifest)
    records = []
    for position in positions(folder):
        if position < count:
            with suppress(Unusable):
                records.append(read_shard(folder, position, table, run=run, legacy=legacy).record)
    schema = records[0].rows.schema if records else empty or pa.schema([])
    same = [record for record in records if record.rows.schema.equals(schema)]
    return joined(same, schema), len(same)
