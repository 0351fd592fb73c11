"""The result of a sweep: its table, its samples, what was skipped, and where it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.attached import attached
from workbench.errors import RunError
from workbench.files import write_whole
from workbench.runs.manifest import read_manifest
from workbench.runs.store import (
    EFFECTS,
    MANIFEST,
    SAMPLES,
    SKIPPED,
    FolderStore,
    Record,
    assemble,
    read_record,
    to_json,
    write_tables,
)
from workbench.runs.tables import (
    EFFECTS_SCHEMA,
    SAMPLES_SCHEMA,
    Skip,
    Tables,
    arrow_table,
    skipped_frame,
)

if TYPE_CHECKING:
    import plotly.graph_objects as go


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

    def save(self, path: Path | str) -> Path:
        """Write the run into a folder, to be read by `load_run` and `workbench report`.

        Raises RunError where the folder holds another run, or cannot be written.
        """
        path = Path(path)
        if (path / MANIFEST).exists() and read_manifest(path / MANIFEST) != self.manifest:
            raise RunError(f"{path} holds another run. Choose another folder, or delete it.")
        with FolderStore(path, self.manifest):
            tables = Tables(
                effects=arrow_table(self.table, EFFECTS_SCHEMA),
                samples=arrow_table(self.samples, SAMPLES_SCHEMA),
                skipped=tuple(Skip(*row) for row in self.skipped.itertuples(index=False)),
            )
            write_tables(path, tables)
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


def make_run(
    records: Sequence[Record],
    manifest: dict[str, Any],
    *,
    folder: Path | str | None = None,
    skipped: Sequence[Skip] = (),
) -> Run:
    """A run from its samples' records; `skipped` is what the data set had left out before."""
    return _from_tables(assemble(records, skipped), manifest, folder)


def _from_tables(tables: Tables, manifest: dict[str, Any], folder: Path | str | None) -> Run:
    return Run(
        table=tables.effects.to_pandas(),
        samples=tables.samples.to_pandas(),
        skipped=skipped_frame(tables.skipped),
        manifest=manifest,
        folder=None if folder is None else Path(folder),
    )


def load_run(folder: Path | str) -> Run:
    """Read a run folder. One that is unfinished gives what it has so far, with `finished` False.

    Raises RunError where the folder holds no run.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file():
        raise RunError(
            f"{folder} holds no run: it has no {MANIFEST}. Name the folder that was given as out= (or --out)."
        )
    manifest = read_manifest(folder / MANIFEST)
    if manifest["kind"] != "sweep":
        raise RunError(
            f"{folder} holds the results of another analysis ({manifest['kind']}), not those of a sweep. "
            "Its own tables are in there, for example accuracy.csv."
        )
    if manifest["finished"] is not None:
        tables = _read_tables(folder)
        if tables is not None:
            return _from_tables(tables, manifest, folder)
    # Not finished, or its final tables were damaged or deleted: what the samples left is all there is.
    records = [read_record(folder, position) for position in range(int(manifest["settings"]["samples"]))]
    if manifest["finished"] is not None and all(record is None for record in records):
        raise RunError(
            f"The tables in {folder} are missing or damaged, and it holds no shards to make them from. "
            "Restore the folder, or run again."
        )
    if any(record is None for record in records):
        manifest = {**manifest, "finished": None}
    return make_run([record for record in records if record is not None], manifest, folder=folder)


def _read_tables(folder: Path) -> Tables | None:
    try:
        skipped = pd.read_csv(folder / SKIPPED, dtype="str", keep_default_na=False)
        return Tables(
            effects=pq.read_table(folder / EFFECTS, schema=EFFECTS_SCHEMA),
            samples=pq.read_table(folder / SAMPLES, schema=SAMPLES_SCHEMA),
            skipped=tuple(Skip(*row) for row in skipped.itertuples(index=False)),
        )
    except (OSError, ValueError, TypeError, pa.ArrowException):
        return None
