from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from tests.figures.drawn import notes
from tests.figures.tables import SHAPES, sweep_table
from workbench.errors import RunError
from workbench.figures import information_flow
from workbench.figures.parts.text import flow_label
from workbench.figures.totals import total_effects
from workbench.statistics.bootstrap import bootstrap_mean


def test_windows_without_a_place_give_bars() -> None:
    table = (
        sweep_table().query("layer == 8").assign(window="all_layers()", layer=0, first_layer=1, last_layer=12)
    )
    fig: Any = information_flow(table)
    bars = [trace for trace in fig.data if trace.type == "bar"]
    assert len(bars) == len(SHAPES)
    rows = table[(table["task"] == "moving_direction") & (table["flow"] == "frames -> later frames")]
    expected = bootstrap_mean(rows["change_percent"])
    assert bars[0].x[0] == pytest.approx(expected.mean)
    assert bars[0].error_x.array[0] == pytest.approx(expected.high - expected.mean)
    assert bars[0].error_x.arrayminus[0] == pytest.approx(expected.mean - expected.low)
    both = pd.concat([table, sweep_table()])
    with pytest.raises(RunError, match="several windows"):
        information_flow(both)


def test_a_flow_that_the_model_has_no_edge_of_has_no_bar_and_the_words_say_why() -> None:
    table = sweep_table({"t": {"video -> question": [-30.0] * 12}})
    table = table[table["layer"] == 1].assign(window="all_layers", layer=0, first_layer=1, last_layer=12)
    gone = table["flow"] == "video -> last"
    fig: Any = total_effects(table.assign(edges_percent=100.0 - 100.0 * gone))
    assert not any(flow_label("video -> last") in str(label) for bar in fig.data for label in bar.y)
    assert "No bar: video → last: no such edge in the model" in notes(fig)
    assert "No bar" not in notes(total_effects(table))
