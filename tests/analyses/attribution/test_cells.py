"""Cells: which knockouts they are, and how they are listed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analyses.attribution.attributed import made_table
from workbench.analyses.attribution.cells import (
    Cell,
    as_heads,
    as_whole_flows,
    as_window,
    cells_of,
    every_cell,
)
from workbench.errors import FlowError, RunError
from workbench.interventions import Flow, LayerSpan, centred

FLOW, SPAN = Flow.parse("video -> last"), LayerSpan(3, 2, 4)


def test_a_cell_is_one_knockout() -> None:
    assert str(Cell(FLOW, SPAN, 2).knockout) == "video -> last @ heads 2 in layers 2..4"
    assert str(Cell(FLOW, SPAN, -1).knockout) == "video -> last in layers 2..4"


def test_cells_of_a_table_are_listed_once_by_sample() -> None:
    found = cells_of(made_table(samples=2))
    assert list(found) == ["a/0", "a/1"]
    assert len(found["a/0"]) == 3 * 3 * 4
    assert found["a/0"][3].head == -1


def test_all_cells_go_flow_by_flow() -> None:
    cells = list(every_cell([FLOW], centred(1).expand(2), as_heads(("flow", "layer", "head"), 2)))
    assert [(number, cell.span.layer, cell.head) for number, cell in cells] == [
        (0, 1, 0), (0, 1, 1), (0, 1, -1), (0, 2, 0), (0, 2, 1), (0, 2, -1),
    ]  # fmt: skip
    assert as_heads(("flow", "layer"), 2) == (-1,)
    assert as_window("centred(3)") == as_window(centred(3))


@pytest.mark.parametrize("by", [("head",), "flow", ()])
def test_other_parts_are_refused(by: Any) -> None:
    with pytest.raises(RunError, match="by="):
        as_heads(by, 2)


def test_flows_name_no_heads() -> None:
    assert as_whole_flows("video -> last") == (FLOW,)
    with pytest.raises(FlowError, match="names heads"):
        as_whole_flows([FLOW.at_heads(0)])
