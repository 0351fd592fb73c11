from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.figures.tables import samples_table, sweep_table
from workbench.errors import RunError
from workbench.figures import accuracy
from workbench.statistics.proportions import wilson


def test_a_bar_a_task_with_its_wilson_interval() -> None:
    fig: Any = accuracy(samples_table(sweep_table(samples=9), wrong=3))
    (bar,) = fig.data
    share = wilson(9, 12)
    assert bar.y[0] == "Moving Direction"
    assert list(bar.x) == pytest.approx([75.0] * 5)
    assert bar.error_x.array[0] == pytest.approx(100 * (share.high - share.mean))
    assert bar.error_x.arrayminus[0] == pytest.approx(100 * (share.mean - share.low))
    assert any("9 of 12" in note.text and "75%" in note.text for note in fig.layout.annotations)


def test_a_bar_a_model_in_each_task() -> None:
    good = samples_table(sweep_table(samples=9)).assign(model="mini/<video-ft>")
    bad = good.assign(model="mini/image", correct=False)
    fig: Any = accuracy(pd.concat([bad, good]))
    assert [bar.name for bar in fig.data] == ["mini/image", "mini/&lt;video-ft&gt;"]
    assert [bar.x[0] for bar in fig.data] == pytest.approx([0, 90])
    assert all(bar.showlegend for bar in fig.data)


def test_what_cannot_be_drawn_is_refused() -> None:
    samples = samples_table(sweep_table(samples=1))
    with pytest.raises(RunError, match="lacks the column correct"):
        accuracy(samples.drop(columns="correct"))
    with pytest.raises(RunError, match="no samples"):
        accuracy(samples.iloc[:0])
