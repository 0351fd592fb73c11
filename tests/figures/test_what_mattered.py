from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.figures.places_tables import FRAMES, places_table
from tests.interventions.layouts import small_layout
from workbench.figures import what_mattered

LAYOUT = small_layout()


def heats(figure: Any) -> list[np.ndarray]:
    return [np.asarray(trace.z, float) for trace in figure.data if trace.type == "heatmap"]


@pytest.mark.parametrize("each", ["frame", "frame pair", "cell", "location", "head"])
def test_bars_are_the_table_beside_its_controls(each: str) -> None:
    table = places_table(LAYOUT, each, layers=4)
    whole = table.loc[(table["layer"] == 0).to_numpy()]
    figure: Any = what_mattered(table, FRAMES, LAYOUT, each=each)
    bars = {trace.name: trace for trace in figure.data if trace.type == "bar"}
    assert list(bars["cut"].y) == whole["mean"].tolist()
    assert list(bars["as many other edges"].y) == whole["control_mean"].tolist()
    assert list(bars["cut"].error_y.arrayminus) == [0.5] * len(whole)
    assert sum(note.text == "★" for note in figure.layout.annotations) == 1
    layers = heats(figure)[-1]
    assert layers.shape == (len(whole), 4)
    assert (layers[0] == -3).all()
    assert not layers[1:].any()
    clip = heats(figure)[0]
    if each in ("frame", "cell", "location"):
        assert np.nansum(clip) == whole["mean"].sum()
    if each == "frame pair":
        assert heats(figure)[1][1, 0] == -3, "frame 1 reads frame 0"


def test_a_figure_without_controls_or_layers() -> None:
    table = places_table(LAYOUT, "frame").assign(control_mean=np.nan, matters=False)
    figure: Any = what_mattered(
        table, FRAMES, LAYOUT, each="frame", to="last", title="Mine", measure="probability"
    )
    assert [trace.name for trace in figure.data if trace.type == "bar"] == ["cut"]
    assert len(heats(figure)) == 1
    assert "Mine" in figure.layout.title.text
    assert "Cut from last" in figure.layout.title.text


def test_sinks_stand_apart() -> None:
    table = places_table(LAYOUT, "frame")
    sinks = table.assign(kind="sparing").iloc[:1]
    alone = sinks.assign(kind="sinks", unit="text_sinks", mean=-1.0)
    both = pd.concat([alone, sinks])
    figure: Any = what_mattered(table, FRAMES, LAYOUT, each="frame", sinks=both)
    bars = {trace.name: trace for trace in figure.data if trace.type == "bar"}
    assert list(bars["sinks alone"].x) == ["text_sinks"]
    assert list(bars["without its sinks"].x) == ["frame[0]"]
