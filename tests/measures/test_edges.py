"""A sweep of a model with masks of its own says which edges were there to be cut; a gap is drawn, no zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.engine.conftest import SLIDING_WINDOW, Case, attention, sliding
from tests.tiny import tiny_clip, tiny_model, tiny_sample
from workbench.measures import MEASURES, as_measures
from workbench.measures.edges import with_edges
from workbench.models import VideoLLM
from workbench.statistics import curve_table, curve_warnings

__all__ = ["attention", "sliding"]

FLOWS = ["frame[0] -> last", "video -> question", "question -> last"]


@pytest.fixture(autouse=True)
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VideoLLM, "read_clip", lambda *_: tiny_clip())


def swept(model: Any, **settings: Any) -> Any:
    samples = [tiny_sample(n_options=4, answer=2)]
    return wb.sweep(model, samples, FLOWS, "centred(1)", only_correct=False, progress=False, **settings)


@pytest.mark.parametrize("engine", ["incremental", "reference"])
def test_edges_that_the_model_never_had_are_a_gap_and_not_a_zero(sliding: Case, engine: str) -> None:
    model = sliding.model
    run = swept(model, engine=engine, measures="kl")
    assert list(run.table.columns[-2:]) == ["kl", "edges_percent"], "without being asked for"
    layout = model.encode(tiny_sample(n_options=4, answer=2)).layout
    for row in run.table.to_dict("records"):
        source, target = row["flow"].split(" -> ")
        pairs = [(q, k) for q in layout[target] for k in layout[source] if k < q]
        there = [q - k < SLIDING_WINDOW or row["layer"] <= 2 for q, k in pairs]
        assert row["edges_percent"] == pytest.approx(100 * np.mean(there))
        if not any(there):
            assert row["change_percent"] == pytest.approx(0, abs=1e-3)
    curve = curve_table(run.table).set_index(["flow", "layer"])
    assert curve.loc[("frame[0] -> last", 3), "n"] == 0
    assert np.isnan(curve.loc[("frame[0] -> last", 3), "mean"])
    assert curve.loc[("frame[0] -> last", 2), "n"] == curve.loc[("video -> question", 3), "n"] == 1
    said = [text for text in curve_warnings(run.table) if "no such edge" in text]
    assert "frame[0] -> last: the model's own masks have no such edge in layers 3, 4" in said[0]


def test_causal_models_have_no_such_column_unless_it_is_asked_for() -> None:
    model = tiny_model()
    assert with_edges(as_measures("kl"), model) == as_measures("kl")
    assert "edges_percent" not in swept(model).table
    asked = swept(model, measures=["edges", "kl"]).table
    assert list(asked.columns[-2:]) == ["kl", "edges_percent"]
    assert set(asked["edges_percent"]) == {100.0}
    assert [one.name for one in as_measures(["edges", "kl"])] == ["probability", "kl", "edges"]
    assert MEASURES["edges"].readout is None
