from __future__ import annotations

import json
from typing import cast

import pandas as pd
import pytest

from tests.figures.tables import FLOWS, PARTS, samples_table, sweep_table
from tests.statistics.counted import bootstrapped
from workbench.figures import headline
from workbench.pages.report.content import answers, reasons, sections, stage_rows
from workbench.statistics.curves import curve_points, curve_table
from workbench.statistics.peaks import peaks
from workbench.statistics.proportions import wilson


def test_all_that_is_told_is_of_one_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = {"t": {"question -> last": [-60.0] * 12}, "u": {}}
    table = sweep_table(shapes, flows=(*FLOWS, *PARTS), samples=5)
    points = curve_points(table, seed=3)
    drawn = bootstrapped(monkeypatch)
    (section,) = sections(table, 3)
    assert sum(drawn) == len(points)
    assert section.peaks == peaks(points)
    assert [part.headline for part in section.parts] == [
        headline([point for point in points if point.flow in flows])
        for flows in (FLOWS, PARTS[:2], PARTS[2:])
    ]
    cells = [cell for numbers in section.numbers for _, row in numbers.rows for cell in row]
    assert cells == points
    again = sections(curve_table(table, seed=3), 99)
    assert again == [section], "a summary that is there is taken"


def test_figures_of_a_group_hold_the_groups_numbers() -> None:
    table = sweep_table({"t": {}}, flows=(*FLOWS, *PARTS), samples=5)
    (section,) = sections(table, 0)
    for part, flows in zip(section.parts, (FLOWS, PARTS[:2], PARTS[2:]), strict=True):
        for shape in (part.figure.wide, part.figure.narrow):
            lines = [trace for trace in json.loads(shape)["data"] if trace["mode"] == "lines+markers"]
            assert len(lines) == len(flows)


def test_windows_without_a_place_share_a_section() -> None:
    whole = sweep_table(samples=3).query("layer == 8").assign(window="all_layers", layer=0)
    both = pd.concat([sweep_table(samples=3), whole, whole.assign(window="first_half")])
    found = sections(both, 0)
    assert [section.window for section in found] == ["centred(3)", "all_layers, first_half"]
    assert found[0].numbers
    assert not found[1].numbers


def test_answers_count_right_ones_and_those_in_the_curves() -> None:
    table = cast(pd.DataFrame, sweep_table(samples=4))
    found = answers(samples_table(table, wrong=2), table)
    assert [entry.task for entry in found] == list(dict.fromkeys(table["task"]))
    assert {(entry.share, entry.used, entry.tokens) for entry in found} == {(wilson(4, 6), 4, "331")}


def test_reasons_are_counted_and_no_stages_give_no_rows() -> None:
    assert reasons(pd.DataFrame({"reason": ["b", "a", "b"]})) == [("b", 2), ("a", 1)]
    assert stage_rows(None) == []
