from __future__ import annotations

from typing import Any

import pytest

from tests.figures.drawn import notes
from tests.figures.lens_tables import N_LAYERS, answer_table
from workbench.analyses.lens.answer_probability import answer_curves
from workbench.errors import RunError
from workbench.figures import answer_probability


def test_a_panel_a_task_and_every_mean_and_band_in_its_place() -> None:
    table = answer_table()
    fig: Any = answer_probability(table, seed=3)
    curves = answer_curves(table, seed=3)
    lines = [trace for trace in fig.data if trace.mode == "lines+markers"]
    bands = [trace for trace in fig.data if trace.fill == "toself"]
    assert len(lines) == len(bands) == 4
    tasks = list(dict.fromkeys(curves["task"]))
    for line, band in zip(lines, bands, strict=True):
        task = tasks[int((line.xaxis or "x")[1:] or 1) - 1]
        role = "true_option" if line.name.startswith("true") else "false_option"
        points = curves[(curves["task"] == task) & (curves["role"] == role)]
        assert list(line.x) == list(range(1, N_LAYERS + 1))
        assert list(line.y) == pytest.approx(points["mean"].tolist())
        assert list(band.y) == pytest.approx([*points["high"], *points["low"][::-1]])
        assert line.customdata[0][0].endswith("<br>7 samples")
    assert "<b>Moving Direction</b>, n = 7" in notes(fig)
    assert "Object&lt;b&gt;count" in notes(fig)
    assert sum(trace.showlegend for trace in lines) == 2


def test_wrong_answers_count_when_asked_for_and_tasks_can_be_chosen() -> None:
    fig: Any = answer_probability(answer_table(), tasks="moving_direction", only_correct=False)
    assert "n = 8" in notes(fig)
    assert "Object" not in notes(fig)
    assert "over all samples" in notes(fig)
    with pytest.raises(RunError, match="no task 'moving'"):
        answer_probability(answer_table(), tasks=["moving"])


def test_open_ended_answers_have_one_curve() -> None:
    table: Any = answer_table()
    fig: Any = answer_probability(table[table["role"] == "true_option"])
    assert {trace.name for trace in fig.data} == {"true word"}


def test_few_samples_are_said_to_be_few() -> None:
    said = notes(answer_probability(answer_table(samples=3)))
    assert "n = 2 (few)" in said
    assert "Few: under 5 samples, read with care." in said
    assert "few" not in notes(answer_probability(answer_table(samples=7))).lower()
