from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from tests.figures.drawn import notes
from tests.figures.lens_tables import lens_layout, lens_table
from workbench.errors import RunError
from workbench.figures import lens_overlay, write_html
from workbench.figures.keywords import list_styles

FRAMES = np.zeros((2, 20, 30, 3), np.uint8)


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


def test_a_page_is_whole_and_asks_for_nothing(tmp_path: Path) -> None:
    fig = go.Figure(go.Scatter(x=[1], y=[1], text=["</script><script>alert(1)</script>"]))
    path = write_html(fig, tmp_path / "new" / "a.html")
    page = path.read_text(encoding="utf-8")
    assert [entry.name for entry in path.parent.iterdir()] == ["a.html"]
    assert "<script>alert(1)" not in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", page)
    assert "Plotly.newPlot" in page
