"""Pathways of several models, or of several tasks."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from tests.figures.tables import sweep_table
from workbench.analyses.pathways import (
    bins_of,
    effective_layers,
    open_layers,
    ranges_by_task,
    ranges_of_models,
    rows_used,
)
from workbench.analyses.pathways.ranges import pathways
from workbench.errors import RunError

BINS: dict[str, Any] = {"bin": 2, "threshold": -5.0}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return sweep_table(samples=3)


def printed(shown: object) -> list[str]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(shown)
    return [" ".join(line.split()) for line in capture.get().splitlines() if line.strip()]


def test_ranges_are_shared_or_each_tasks_own(table: pd.DataFrame) -> None:
    tasks = list(dict.fromkeys(table["task"]))
    together = ranges_by_task(table, tasks, **BINS)
    assert list(together) == tasks
    assert len({id(one) for one in together.values()}) == 1
    assert together[tasks[0]] == pathways(table, **BINS)
    named = ranges_by_task(table, tasks, tasks[1], **BINS)
    each = ranges_by_task(table, tasks, "each", **BINS)
    for task in tasks:
        assert named[task] == each[tasks[1]]
        assert each[task] == pathways(table, task=task, **BINS)
    assert [line.split()[:2] for line in printed(open_layers(together))[3:]] == [["all", "tasks"]]
    assert [line.split()[0] for line in printed(open_layers(each))[3:]] == tasks


def test_a_task_without_effects_has_no_range_of_its_own(table: pd.DataFrame) -> None:
    with pytest.raises(RunError, match=r"no sample of 'unseen'.*--ranges all"):
        ranges_by_task(table, ["unseen"], "each", **BINS)
    with pytest.raises(RunError, match="'unseen' is not in this run"):
        ranges_by_task(table, ["unseen"], "unseen", **BINS)


def test_models_have_a_row_each_with_a_dash_or_nothing_where_they_have_no_range(table: pd.DataFrame) -> None:
    flows = list(dict.fromkeys(table["flow"]))
    flat: Any = table[table["flow"] == flows[0]].assign(change_percent=0.0)
    found = {"deep": pathways(table, **BINS), "flat": pathways(flat, **BINS)}
    ranges = ranges_of_models(found)
    assert list(ranges.columns) == ["model", "samples", *flows]
    deep, none = ranges.to_dict("records")
    assert none == {"model": "flat", "samples": len(set(flat["sample_id"])), flows[0]: "-"} | dict.fromkeys(
        flows[1:], ""
    )
    for flow in flows:
        first, last = found["deep"].get(flow, (0, 0))
        counting = found["deep"].bins_that_count.get(flow, "")
        gaps = f" ({counting})" if "," in counting else ""
        assert deep[flow] == (f"{first}-{last}{gaps}" if last else "-")
    assert "Effective layers" in printed(effective_layers(ranges))[0]
    bins: Any = bins_of(found, "model")
    assert bins.groupby("model").size().to_dict() == {name: len(one.table) for name, one in found.items()}


def test_the_rows_that_were_read(table: pd.DataFrame) -> None:
    task = str(table["task"].iloc[0])
    used = rows_used(table, pathways(table, task=task, **BINS))
    assert set(used["task"]) == {task}
    assert len(used) == (table["task"] == task).sum()
