from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.figures.drawn import notes
from tests.figures.lens_tables import frequencies
from workbench.errors import RunError
from workbench.figures import keyword_frequencies
from workbench.figures.keywords import list_styles


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
