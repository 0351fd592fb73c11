"""The staged flow of a run: its pathways table, and the same task by task."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple, cast

import pandas as pd

from workbench.analyses.pathways.bins import THRESHOLD
from workbench.analyses.pathways.ranges import pathways
from workbench.checksums import read_listed
from workbench.errors import RunError
from workbench.figures.staged_flow import COLUMNS
from workbench.interventions.depth import scaled_bin
from workbench.statistics.columns import require_columns

PATHWAYS = "pathways.csv"


class Stages(NamedTuple):
    """What the report shows of a run's pathways."""

    overall: pd.DataFrame
    """All tasks together, as in pathways.csv."""
    by_task: pd.DataFrame
    """The same with a column `task`; empty where there is one task."""
    threshold: float
    """Percent."""
    window: str


def find_stages(table: pd.DataFrame, folder: Path) -> Stages | None:
    """The pathways of a run's table, made as the folder's pathways.csv was where there is one.

    None where the run has no centred window, which pathways need.
    """
    moving = cast(pd.DataFrame, table[table["window"].astype(str).str.startswith("centred(")])
    if moving.empty:
        return None
    overall = _read(folder / PATHWAYS)
    if overall is None:
        size, threshold = scaled_bin(max(moving["layer"].tolist())), THRESHOLD
        window = str(moving["window"].iloc[0])
        overall = pathways(moving, bin=size, threshold=threshold, window=window).table
    else:
        size, threshold = int(overall["bin"].iloc[0]), float(overall["threshold"].iloc[0])
        window = str(overall["window"].iloc[0])
    tasks = moving["task"].unique().tolist()
    parts = [
        pathways(moving, bin=size, threshold=threshold, task=task, window=window).table.assign(task=task)
        for task in (tasks if len(tasks) > 1 else [])
    ]
    by_task = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Stages(overall, by_task, threshold, window)


def _read(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    again = "Delete it, and write the report again."
    content = read_listed(path, remedy=again)
    try:
        stored = pd.read_csv(io.BytesIO(content))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}). {again}") from error
    require_columns(stored, *COLUMNS, "window", "bin", "threshold", remedy=again, what=str(path))
    if stored.empty:
        raise RunError(f"{path} lacks any row. {again}")
    # Older versions did not tell such bins apart.
    return stored if "no_edges" in stored else stored.assign(no_edges=False)
