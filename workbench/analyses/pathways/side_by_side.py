"""Effective pathways side by side: of several models, or of several tasks of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analyses.pathways.bins import LayerBin, range_text
from workbench.analyses.pathways.closing import GENERAL_FLOWS, Ranges
from workbench.analyses.pathways.ranges import Pathways, pathways
from workbench.errors import RunError, near_matches
from workbench.markup import as_text

if TYPE_CHECKING:
    from rich.table import Table

ALL, EACH = "all", "each"


def known_source(of: str, tasks: Sequence[str]) -> None:
    """Raise RunError unless ranges can be read off `of`: "all" tasks together, "each" its own, or one."""
    if of not in (ALL, EACH, *tasks):
        raise RunError(
            f"There is no task {of!r} to read ranges off.{near_matches(of, tasks)} "
            f"Choose {ALL}, {EACH}, or one of {', '.join(tasks)}."
        )


def ranges_by_task(
    table: pd.DataFrame, tasks: Sequence[str], of: str = ALL, *, bin: int, threshold: float
) -> dict[str, Pathways]:
    """The pathways of each of `tasks`, read off a sweep's table.

    Args:
        of: "all" reads them off all tasks together, "each" off each task's own rows, and a task's name off
            that task, for all.
        bin, threshold: as in `wb.pathways`.

    Raises RunError for an unknown task, and with "each" for a task without effects.
    """
    if of != EACH:
        shared = pathways(table, bin=bin, threshold=threshold, task=None if of == ALL else of)
        return dict.fromkeys(tasks, shared)
    swept = set(table["task"])
    missing = [task for task in tasks if task not in swept]
    if missing:
        raise RunError(
            f"The sweep has no sample of {missing[0]!r} that the model answers correctly, so its "
            "pathways are not known. Use more samples, other tasks, or --ranges all."
        )
    return {task: pathways(table, bin=bin, threshold=threshold, task=task) for task in tasks}


def rows_used(table: pd.DataFrame, found: Pathways) -> pd.DataFrame:
    """The rows of a sweep's table that these pathways were read off."""
    chosen = table["task"].isin(found.settings["tasks"]) & (table["window"] == found.settings["window"])
    return pd.DataFrame(table[chosen])


def bins_of(found: Mapping[str, Pathways], column: str) -> pd.DataFrame:
    """The bins of all pathways, with the name of each in a last column, "model" or "task"."""
    parts = [one.table.assign(**{column: name}) for name, one in found.items()]
    return pd.concat(parts, ignore_index=True)


def ranges_of_models(found: Mapping[str, Pathways]) -> pd.DataFrame:
    """One row a model, one column a flow: its range ("6-15"), with the bins that count where they leave gaps
    ("1-12 (1-2, 10-12)"), "-" without one, "" where it was not cut."""
    flows = list(dict.fromkeys(flow for one in found.values() for flow in one.flows))
    rows: list[dict[str, Any]] = []
    for name, one in found.items():
        counting = one.bins_that_count
        told = {flow: range_text(LayerBin(*one[flow]), counting[flow]) for flow in one}
        cells = {flow: told.get(flow, "-") for flow in one.flows}
        rows.append({"model": name, "samples": one.settings["samples"], **cells})
    return pd.DataFrame(rows, columns=pd.Index(["model", "samples", *flows])).fillna("")


def effective_layers(ranges: pd.DataFrame) -> Table:
    """`ranges_of_models` as a table for a terminal."""
    return _shown(ranges, "Effective layers")


def open_layers(ranges: Mapping[str, Ranges]) -> Table:
    """The open layers of each task as a table for a terminal; one row where all tasks share them."""
    shared = len({id(own) for own in ranges.values()}) == 1
    rows = {"all tasks": next(iter(ranges.values()))} if shared else ranges
    flows = [flow for flow in GENERAL_FLOWS if any(flow in own for own in rows.values())]
    cells = [
        [task, *("{}-{}".format(*own[flow]) if flow in own else "-" for flow in flows)]
        for task, own in rows.items()
    ]
    return _shown(pd.DataFrame(cells, columns=pd.Index(["ranges of", *flows])), "Open layers")


def _shown(ranges: pd.DataFrame, title: str) -> Table:
    from rich import box
    from rich.table import Table

    shown = Table(title=title, box=box.SIMPLE_HEAD)
    for number, name in enumerate(ranges.columns):
        shown.add_column(as_text(name), justify="right" if number else "left")
    for row in ranges.itertuples(index=False):
        shown.add_row(*(as_text(cell) for cell in row))
    return shown
