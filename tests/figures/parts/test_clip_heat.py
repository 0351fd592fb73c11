from __future__ import annotations

from typing import Any

import numpy as np
from plotly.subplots import make_subplots

from tests.figures.places_tables import FRAMES, places_table
from tests.interventions.layouts import small_layout
from workbench.figures.parts.clip_heat import add_clip_heat, colour_bar
from workbench.prompts.layout import TokenLayout


def test_cells_stand_where_they_are_in_their_frame_and_sinks_are_marked() -> None:
    small = small_layout()
    spans = {**small.spans, "sinks": [7], "video_sinks": [7]}
    layout = TokenLayout(length=small.length, spans=spans, frames=small.frames, grid=small.grid)
    table = places_table(layout, "cell")
    table["mean"] = np.arange(12.0)
    figure: Any = make_subplots(rows=2, cols=1)
    add_clip_heat(figure, 2, table, FRAMES, layout, "cell", (2, 2), 11.0, "change", ".1f")
    heat, sinks = figure.data
    np.testing.assert_array_equal(
        np.asarray(heat.z, float),
        [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, np.nan, np.nan], [10, 11, np.nan, np.nan]],
    )
    assert heat.customdata[2][0] == "cell[2,0,0]: 8.0"
    assert (sinks.x, sinks.y) == ((1.75,), (0.25,)), "cell[1,0,1], the second frame of the first line"
    assert len(figure.layout.images) == 3
    assert {image.xref for image in figure.layout.images} == {"x2"}


def test_a_bar_is_as_long_as_its_part() -> None:
    figure = make_subplots(rows=2, cols=1, row_heights=[1, 3], vertical_spacing=0)
    bar: Any = colour_bar(figure, 2, "change of log-odds")
    assert bar["len"] == 0.75
    assert bar["y"] == 0.375
