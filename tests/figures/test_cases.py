"""Bars by case: what is drawn is what the table holds."""

from __future__ import annotations

from typing import Any

import pytest

from tests.figures.study_tables import share
from workbench.errors import RunError
from workbench.figures import accuracy_by_case

import pandas as pd  # isort: skip


def table() -> pd.DataFrame:
    return pd.DataFrame(
        [
            share("all", name, 0, value)
            for name, value in (("untouched", 80.0), ("no video", 30.0), ("exit", 75.0))
        ]
    )


def test_every_case_has_a_bar_with_its_interval_and_words() -> None:
    figure: Any = accuracy_by_case(table(), title="t", beside={"exit": "64 / <x>"})
    (bars,) = [trace for trace in figure.data if trace.type == "bar"]
    assert list(bars.x) == [80, 75]
    assert list(bars.error_x.array) == [5, 5]
    assert list(bars.error_x.arrayminus) == [9, 9]
    (words,) = [trace for trace in figure.data if trace.type == "scatter" and trace.mode == "text"]
    assert "80%" in words.text[0]
    assert "64 / &lt;x&gt;" in words.text[1]
    levels = {trace.name: trace.x[0] for trace in figure.data if trace.name}
    assert levels == {"no video": 30, "chance": 25}


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(RunError, match="no case"):
        accuracy_by_case(table().query("case == 'no video'"), title="t")
