from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.figures.study_tables import share
from workbench.errors import RunError
from workbench.figures import pareto


def table() -> pd.DataFrame:
    rows = [
        share("all", case, 0, accuracy) | {"prefill_percent": time, "pairs_percent": time, "on_front": front}
        for case, accuracy, time, front in (("slow", 70.0, 90.0, False), ("<b>", 75.0, 60.0, True))
    ]
    return pd.DataFrame(rows)


def test_the_front_is_a_line_and_the_choice_is_ringed() -> None:
    figure: Any = pareto(table(), chosen="<b>")
    (front,) = [trace for trace in figure.data if trace.mode == "lines+markers+text"]
    assert (list(front.x), list(front.y), list(front.text)) == ([60], [75], ["&lt;b&gt;"])
    others, ring = [trace for trace in figure.data if trace.mode == "markers"]
    assert (list(others.x), list(others.y)) == ([90], [70])
    assert (list(ring.x), list(ring.y)) == ([60], [75])
    assert {trace.name: trace.y[0] for trace in figure.data if trace.name} == {
        "untouched model": 80, "no video": 30, "chance": 25,
    }  # fmt: skip


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(RunError, match="no case"):
        pareto(table().iloc[:0])
