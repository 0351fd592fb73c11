"""Where the records of a run are kept while it goes on: in a folder, or nowhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from workbench.checksums import MANIFEST
from workbench.data import Sample
from workbench.errors import RunError
from workbench.ranks import Share
from workbench.runs.finals import Tables
from workbench.runs.folder import FolderStore
from workbench.runs.manifest import now
from workbench.runs.measurement import Measurement
from workbench.runs.record import Record
from workbench.runs.remote import is_remote


class Store(Protocol):
    """Where records are kept while a run goes on. Positions count the samples from 0."""

    manifest: dict[str, Any]

    def stored(self) -> list[Record | None]:
        """What is there already, in the order of the samples."""
        ...

    def put(self, position: int, record: Record) -> None: ...
    def finish(self, tables: Tables, more: Mapping[str, Any] | None = None) -> None:
        """All is done; `more` is noted in the manifest where it was not done before."""
        ...

    def get(self, position: int) -> Record | None:
        """One sample's record; None where there is none that counts."""
        ...

    def absent(self) -> list[int]:
        """Ranks, this one not among them, that are not at work on it; of a store that ranks share."""
        ...

    def __enter__(self) -> Store: ...
    def __exit__(self, *exc: object) -> None: ...


def open_store(
    out: Path | str | None,
    manifest: dict[str, Any],
    measurement: Measurement,
    samples: Sequence[Sample],
    share: Share | None = None,
) -> Store:
    """A store in the folder `out`, to which ranks may write their shares, or in memory where it is None."""
    if out is None:
        return MemoryStore(manifest, len(samples))
    return FolderStore(
        Path(out),
        manifest,
        measurement.table,
        measurement.schema,
        keeps_samples=measurement.keeps_samples,
        samples=samples,
        share=share,
    )


def holds_run(out: Path | str | None) -> bool:
    """Whether a run has begun in this folder. Raises RunError where it names none."""
    if out is not None and not isinstance(out, str | Path):
        raise RunError(f"out={out!r}: give the name of a folder, as text or as a Path.")
    if out is not None and is_remote(out):
        raise RunError(
            f'out={out!r} is not on this machine: write "with wb.remote_folder({out!r}) as out:" around it, '
            "or use the command line, whose --out takes it."
        )
    return out is not None and os.path.exists(Path(out) / MANIFEST)


class MemoryStore:
    """A store that keeps nothing: the caller holds the records."""

    def __init__(self, manifest: dict[str, Any], count: int = 0) -> None:
        self.manifest = manifest
        self._count = count

    def stored(self) -> list[Record | None]:
        return [None] * self._count

    def put(self, position: int, record: Record) -> None:
        return None

    def finish(self, tables: Tables, more: Mapping[str, Any] | None = None) -> None:
        self.manifest |= {"finished": now(), **(more or {})}

    def get(self, position: int) -> Record | None:
        return None

    def absent(self) -> list[int]:
        return []

    def __enter__(self) -> MemoryStore:
        return self

    def __exit__(self, *exc: object) -> None:
        return None
