"""The run folders below a folder: what made each, of what, and how far it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from workbench.checksums import MANIFEST
from workbench.errors import RunError
from workbench.runs.manifest import read_manifest
from workbench.runs.opened import samples_done
from workbench.runs.shards import SHARDS
from workbench.runs.writers import is_held

_DEEPEST = 8
"""Folders below the one that is named."""


class Listed(NamedTuple):
    """One run's folder."""

    folder: str
    kind: str
    """The analysis; empty where the folder's manifest cannot be read."""
    model: str
    data: str
    done: int
    """Samples that have a record."""
    samples: int
    state: str
    """ "finished", "unfinished", "being written", or why its manifest cannot be read."""
    created: str
    """UTC, ISO 8601."""
    workbench: str
    """The version that began it."""


def list_runs(folders: Path | str | Iterable[Path | str] = "runs") -> pd.DataFrame:
    """The runs in and below some folders, the newest first. Nothing but their manifests is read.

    Columns: `Listed`. Raises RunError for a folder that is not there.
    """
    named = [folders] if isinstance(folders, str | Path) else list(folders)
    found: dict[Path, Listed] = {}
    for one in map(Path, named):
        if not one.is_dir():
            raise RunError(f"{one} is no folder. Name the folder that holds your runs.")
        for folder in _below(one):
            found.setdefault(folder.resolve(), _listed(folder))
    rows = sorted(found.values(), key=lambda run: (run.created, run.folder), reverse=True)
    return pd.DataFrame(rows, columns=pd.Index(Listed._fields))


def _below(root: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(root):
        here = Path(path)
        deep = len(here.relative_to(root).parts)
        folders[:] = sorted(
            name for name in folders if name != SHARDS and not name.startswith(".") and deep < _DEEPEST
        )
        if MANIFEST in files:
            yield here


def _listed(folder: Path) -> Listed:
    try:
        manifest = read_manifest(folder / MANIFEST)
    except RunError as problem:
        return Listed(str(folder), "", "", "", 0, 0, f"cannot be read: {problem}", "", "")
    settings = manifest["settings"]
    count = int(settings.get("samples", 0))
    finished = manifest["finished"] is not None
    state = "being written" if _is_held(folder) else "finished" if finished else "unfinished"
    return Listed(
        folder=str(folder),
        kind=manifest["kind"],
        model=str(settings.get("model", "")),
        data=str(settings.get("data", "")),
        done=samples_done(folder, manifest),
        samples=count,
        state=state,
        created=str(manifest["created"]),
        workbench=str(manifest["versions"].get("workbench", "")),
    )


def _is_held(folder: Path) -> bool:
    """Whether a process is at work on the folder."""
    for path in (folder / ".lock", *folder.glob(".lock-*-of-*")):
        if not path.is_file() or path.is_symlink():
            continue
        try:
            if is_held(path):
                return True
        except (OSError, NotImplementedError):
            continue  # a disk that cannot lock, or may not be written, has nobody at work on it
    return False
