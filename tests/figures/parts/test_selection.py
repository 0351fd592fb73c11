from __future__ import annotations

import numpy as np
import pytest

from tests.figures.tables import FLOWS, sweep_table
from workbench.errors import RunError
from workbench.figures.parts.selection import select
from workbench.statistics.curves import curve_table

TABLE = sweep_table(samples=2)


@pytest.mark.parametrize("table", [TABLE, curve_table(TABLE)], ids=["of a sweep", "a summary"])
def test_rows_come_in_the_order_asked_for_from_either_kind_of_table(table) -> None:
    tasks, flows = ["Object Count", "moving_direction"], ["video->last", "cross-frame"]
    chosen = select(table, tasks=tasks, flows=flows, window="centred(3)")
    assert list(dict.fromkeys(chosen["task"])) == ["object_count", "moving_direction"]
    for _, of_task in chosen.groupby("task"):
        assert list(dict.fromkeys(of_task["flow"])) == ["video -> last", FLOWS[0]]
    assert set(chosen["series"]) == {"centred(3)"}
    assert len(select(table)) == len(table)
    with pytest.raises(RunError, match="No flow was asked for"):
        select(table, flows=[])


def test_tables_without_a_number_are_refused() -> None:
    with pytest.raises(RunError, match="No row has a finite change_percent"):
        select(TABLE.assign(change_percent=np.nan))
    with pytest.raises(RunError, match="No row has a finite change_percent"):
        select(curve_table(TABLE).assign(n=0))
    with pytest.raises(RunError, match="lacks the column change_percent"):
        select(TABLE.drop(columns="change_percent"))
