from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from workbench.figures.parts.bars import interval_bars, label_bar


def test_an_interval_reaches_from_the_bars_end_to_both_sides() -> None:
    found = interval_bars([50.0, 10.0], [40.0, 10.5], [55.0, 30.0])
    assert found["array"] == [5.0, 20.0]
    assert found["arrayminus"] == [10.0, 0.0], "never inwards from the wrong side"


def test_words_stand_at_the_right_of_their_bar() -> None:
    fig: Any = go.Figure()
    label_bar(fig, "a task", "80%", "4 of 5", size=13)
    label_bar(fig, 1.5, "", "no sample", size=13)
    first, second = fig.layout.annotations
    assert first.text.startswith("<b>80%</b> ")
    assert "4 of 5" in first.text
    assert (first.y, second.y, second.text) == ("a task", 1.5, "no sample")
