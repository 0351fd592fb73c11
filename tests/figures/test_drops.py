"""Bars of accuracy drop, and pages that hold figures and tables."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analyses.sweep.test_drops import table
from workbench.analyses.sweep.drops import accuracy_drop
from workbench.errors import RunError
from workbench.figures import Part, accuracy_drops, write_page

DROPS = accuracy_drop(
    table(
        {
            ("moving_direction", "first_half()"): [False, False, True, False],
            ("moving_direction", "second_half()"): [True] * 4,
            ("object_count", "first_half()"): [True, False],
            ("object_count", "second_half()"): [True, True],
        }
    )
)


def test_a_bar_a_task_and_window_with_its_interval_and_count() -> None:
    fig: Any = accuracy_drops(DROPS)
    first, second = fig.data
    assert (first.name, second.name) == ("first half, layers 1-6", "second half, layers 1-6")
    assert list(first.y) == ["Moving Direction", "Object Count"]
    assert list(first.x) == [75.0, 50.0]
    assert list(second.x) == [0.0, 0.0]
    low, high = DROPS.loc[0, "low_percent"], DROPS.loc[0, "high_percent"]
    assert first.error_x.arrayminus[0] == pytest.approx(75 - low)
    assert first.error_x.array[0] == pytest.approx(high - 75)
    said = " | ".join(note.text for note in fig.layout.annotations)
    assert "75%" in said
    assert "3 of 4" in said
    assert "first half, layers 1-6: 4 of 6; second half, layers 1-6: 0 of 6." in said.replace("<br>", " ")


def test_numbers_stand_beside_their_bars() -> None:
    fig: Any = accuracy_drops(DROPS)
    heights = {note.text.split("</b>")[0][3:]: note.y for note in fig.layout.annotations if note.yref == "y"}
    assert heights["75%"] < 0.5 < heights["50%"], "the first task is at 0, the second at 1"


def test_several_flows_are_named() -> None:
    fig: Any = accuracy_drops(DROPS.assign(flow=["a -> b", "a -> b", "c -> d", "c -> d"]))
    assert {bar.name.replace("\u00a0", " ") for bar in fig.data} == {
        "a → b, first half, layers 1-6",
        "a → b, second half, layers 1-6",
        "c → d, first half, layers 1-6",
        "c → d, second half, layers 1-6",
    }


def test_drops_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(RunError, match="lacks the column flips"):
        accuracy_drops(DROPS.drop(columns="flips"))
    with pytest.raises(RunError, match="no accuracy drop"):
        accuracy_drops(DROPS.iloc[:0])


class Table:
    def _repr_html_(self) -> str:
        return "<table><tr><td>a cell</td></tr></table>"


def test_a_page_needs_nothing_else_and_runs_nothing_from_data(tmp_path) -> None:
    parts = [
        Part("<b>One</b>", accuracy_drops(DROPS)),
        Part("", Table()),
        Part("", "<script>alert(1)</script>"),
    ]
    path = write_page(tmp_path / "new" / "page.html", "A & B", parts)
    page = path.read_text(encoding="utf-8")
    assert "<title>A &amp; B</title>" in page
    assert "&lt;b&gt;One&lt;/b&gt;" in page
    assert "<td>a cell</td>" in page
    assert "<script>alert" not in page
    assert 'src="http' not in page
    assert page.count("Plotly.newPlot(") >= 1
    assert write_page(tmp_path / "again.html", "A & B", parts).read_bytes() == path.read_bytes()
    assert not list(path.parent.glob("*.tmp"))
