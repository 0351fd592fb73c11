"""The staged flow of a run: its pathways table, and the same task by task."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast

import pandas as pd

from workbench.analyses.pathways import pathways
from workbench.errors import RunError

PATHWAYS = "pathways.csv"


class Stages(NamedTuple):
    """What the report shows of a run's pathways."""

    overall: pd.DataFrame
    """All tasks together, as in pathways.csv."""
    by_task: pd.DataFrame
    """The same with a column `task`; empty where it cannot be told apart by task."""
    bin: int
    threshold: float | None
    """Percent; None where pathways.csv was made with a threshold that it does not name."""
    window: str


def find_stages(table: pd.DataFrame, folder: Path) -> Stages | None:
    """The pathways of a run's table, with the bins of the folder's pathways.csv where there is one.

    None where the run has no centred window, which pathways need.
    """
    moving = cast(pd.DataFrame, table[table["window"].astype(str).str.startswith("centred(")])
    if moving.empty:
        return None
    window = str(moving["window"].iloc[0])
    stored = _read(folder / PATHWAYS)
    threshold: float | None = -5.0
    if stored is None:
        # The paper's bins of 5 suit models of about 30 layers; smaller models need finer ones.
        size = 5 if max(moving["layer"].tolist()) >= 20 else 2
        overall = pathways(moving, bin=size, threshold=threshold, window=window).table
    else:
        overall = stored
        size = int(stored["bin_last"].iloc[0] - stored["bin_first"].iloc[0] + 1)
        means = stored["mean_change_percent"].tolist()
        if [mean < threshold for mean in means] != stored["counts"].tolist():
            threshold = None
    parts = []
    tasks = list(dict.fromkeys(moving["task"]))
    if threshold is not None and len(tasks) > 1:
        for task in tasks:
            found = pathways(moving, bin=size, threshold=threshold, task=task, window=window).table
            parts.append(found.assign(task=task))
    by_task = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return Stages(overall, by_task, size, threshold, window)


def _read(path: Path) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    try:
        stored = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}). Delete it, and write the report again.") from error
    wanted = ["flow", "bin_first", "bin_last", "mean_change_percent", "counts", "first_layer", "last_layer"]
    missing = [name for name in wanted if name not in stored]
    if missing or stored.empty:
        lacks = f"the columns {', '.join(missing)}" if missing else "any row"
        raise RunError(f"{path} lacks {lacks}. Delete it, and write the report again.")
    return stored
