from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from tests.figures.lens_tables import N_LAYERS, answer_table, frequencies, lens_layout, lens_table
from workbench.analyses.lens.answer_probability import answer_curves
from workbench.errors import RunError
from workbench.figures import answer_probability, keyword_frequencies, lens_overlay, write_html
from workbench.figures.keywords import list_styles

FRAMES = np.zeros((2, 20, 30, 3), np.uint8)


def notes(fig: Any) -> str:
    return " | ".join(note.text for note in fig.layout.annotations)


# answer probability


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


# keyword frequencies


def test_curves_of_lists_and_a_row_a_keyword() -> None:
    tables = frequencies()
    fig: Any = keyword_frequencies(tables.keywords, tables.lists, samples=1, rows=64)
    curves = {trace.name: trace for trace in fig.data if trace.type == "scatter"}
    assert set(curves) == {"spatial (2 keywords)", "temporal (1 keyword)"}
    spatial = tables.lists[tables.lists["keyword_list"] == "spatial"]
    assert list(curves["spatial (2 keywords)"].y) == pytest.approx(spatial["share"].tolist())
    assert list(curves["spatial (2 keywords)"].x) == ["1-2", "3-4", "5-6"]
    assert {axis.type for axis in (fig.layout.xaxis, fig.layout.xaxis2)} == {"category"}
    (heat,) = [trace for trace in fig.data if trace.type == "heatmap"]
    assert np.asarray(heat.z).sum(axis=1) == pytest.approx(1)
    assert heat.customdata[0][1][2:4] == [160, 200]
    words = [re.sub("<[^>]+>", "", text).strip() for text in fig.layout.yaxis2.ticktext]
    assert words == ["cup", "&lt;b&gt;bed&lt;/b&gt;", "open"]
    assert "n = 1 sample, 64 rows a layer" in notes(fig)
    assert "Too few hits: rare." in notes(fig)
    assert len({(trace.line.color, trace.marker.symbol) for trace in curves.values()}) == 2


def test_a_single_layer_a_bin_and_a_list_without_words() -> None:
    tables = frequencies(bin=1, min_hits=201)
    with pytest.raises(RunError, match="No keyword has enough hits"):
        keyword_frequencies(tables.keywords, tables.lists)
    tables = frequencies(bin=1, min_hits=200)
    fig: Any = keyword_frequencies(tables.keywords, tables.lists)
    assert list(fig.data[0].x) == ["1", "2", "3", "4", "5", "6"]


def test_lists_keep_their_colours_in_both_figures() -> None:
    styles = list_styles(["a", "b", "a", "c"])
    assert list(styles) == ["a", "b", "c"]
    assert len({style.color for style in styles.values()}) == 3


# overlay


def test_every_cell_says_its_likeliest_word_where_it_is() -> None:
    fig: Any = lens_overlay(FRAMES, lens_layout(), lens_table(), layer=2)
    shown = [trace for trace in fig.data if trace.visible]
    assert [trace.name for trace in shown] == ["other words", "spatial"]
    others, keyword = shown
    assert list(keyword.text) == ["cup", "cup"]
    assert len(others.text) == 10
    assert "&lt;i&gt;2.2.1" in others.text
    # cell[0,0,1]: the middle column of the upper row of the first frame
    place = list(others.text).index("&lt;i&gt;2.2.1")
    (first, second) = fig.layout.images
    assert others.x[place] == pytest.approx(first.x + 0.5, abs=1e-4)
    centre = others.base[place] + others.y[place] / 2
    assert centre == pytest.approx(first.y + 0.25, abs=1e-4)
    assert second.x > first.x + 1
    assert list(others.customdata[place]) == ["0.500", "cell[0,0,1], row 2", ""]
    assert "layer 2" in others.hovertemplate
    assert keyword.customdata[0][2] == "<br>keyword: cup"
    assert "frame[1]</b>" in notes(fig)
    assert "0.75 s" in notes(fig)


def test_the_slider_shows_one_layer_at_a_time() -> None:
    fig: Any = lens_overlay(FRAMES, lens_layout(), lens_table())
    (slider,) = fig.layout.sliders
    assert [step.label for step in slider.steps] == ["1", "2", "3"]
    assert slider.active == 1
    for number, step in enumerate(slider.steps):
        traces, layout = step.args
        layers = {
            re.findall(r"layer (\d)", trace.hovertemplate)[0]
            for trace, visible in zip(fig.data, traces["visible"], strict=True)
            if visible
        }
        assert layers == {str(number + 1)}
        assert f"after layer {number + 1}, of 12 cells: other words 10, spatial 2" in layout["title.text"]


def test_layers_frames_and_the_order_of_lists_can_be_chosen() -> None:
    fig: Any = lens_overlay(
        FRAMES,
        lens_layout(),
        lens_table(),
        layers=[1, 3],
        layer=3,
        show_frames=[1],
        keyword_lists=["temporal", "spatial"],
        title="<b>mine",
    )
    assert len(fig.layout.images) == 1
    assert [trace.name for trace in fig.data if trace.visible] == ["other words", "temporal", "spatial"]
    assert [len(trace.x) for trace in fig.data if trace.visible] == [5, 0, 1]
    assert fig.data[2].marker.color == list_styles(["x", "spatial"])["spatial"].color
    assert "&lt;b&gt;mine" in fig.layout.title.text


def test_what_cannot_be_drawn_is_refused() -> None:
    table, layout = lens_table(), lens_layout()
    for settings, message in [
        ({"layer": 9}, r"has \[1, 2, 3\]"),
        ({"layers": []}, "Name some"),
        ({"show_frames": [2]}, "has 0 to 1"),
    ]:
        with pytest.raises(RunError, match=message):
            lens_overlay(FRAMES, layout, table, **settings)
    with pytest.raises(RunError, match="no cell of the video"):
        lens_overlay(FRAMES, layout, table.assign(cell_row=None))
    with pytest.raises(RunError, match="lacks the column token"):
        lens_overlay(FRAMES, layout, table.drop(columns="token"))
    two = table.copy()
    two.loc[0, "sample_id"] = "other"
    with pytest.raises(RunError, match="several samples"):
        lens_overlay(FRAMES, layout, two)


# pages


def test_a_page_is_whole_and_asks_for_nothing(tmp_path: Path) -> None:
    fig = go.Figure(go.Scatter(x=[1], y=[1], text=["</script><script>alert(1)</script>"]))
    path = write_html(fig, tmp_path / "new" / "a.html")
    page = path.read_text(encoding="utf-8")
    assert [entry.name for entry in path.parent.iterdir()] == ["a.html"]
    assert "<script>alert(1)" not in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", page)
    assert "Plotly.newPlot" in page
