"""Attention figures: colours and hover texts are the weights, cells lie on their frames, texts are safe."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.tiny import FAMILY_NAMES, tiny_model, tiny_prompt, whole_frames
from workbench.analyses.attention.maps import AttentionMaps, attention_maps
from workbench.errors import RunError
from workbench.figures import Part, attention_heat, write_page
from workbench.figures.attention_heat import FLOOR
from workbench.prompts.pixels import seen_frames

CUT = "frames -> later frames in layers 1..2"


@cache
def both(family: Any = "llava_next_video", query: str = "last") -> tuple[AttentionMaps, AttentionMaps]:
    model = tiny_model(family)
    prompt = tiny_prompt(model)
    untouched, cut = (attention_maps(model, prompt, query, knockout=knockout) for knockout in (None, CUT))
    return untouched, cut


def drawn(trace: Any) -> tuple[np.ndarray, np.ndarray]:
    """(values, hover data) of the cells that have a value, in reading order."""
    z, told = np.asarray(trace.z), np.asarray(trace.customdata)
    return z[~np.isnan(z)], told[~np.isnan(z)]


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_every_cell_is_drawn_with_its_own_weight(family) -> None:
    fig: Any = attention_heat(*both(family))
    assert len(fig.data) == 2
    for trace, maps in zip(fig.data, both(family), strict=True):
        values, told = drawn(trace)
        cells = maps.cells
        assert len(values) == cells.size
        np.testing.assert_allclose(10**values - FLOOR, told[:, 4], atol=1e-6)
        for layer, t, i, j, weight in told:
            assert weight == cells[maps.layers.index(int(layer)), int(t), int(i), int(j)]


def test_pictures_are_the_frames_as_this_prompt_was_made() -> None:
    model = tiny_model()  # it crops the frames of 36 x 48 pixels to squares
    usual, whole = (
        attention_maps(model, tiny_prompt(model, pixels=pixels)) for pixels in (None, whole_frames(model))
    )
    frames = {}
    for name, maps in (("usual", usual), ("whole", whole)):
        fig: Any = attention_heat(maps)
        data = base64.b64decode(fig.layout.images[0].source.partition(",")[2])
        frames[name] = np.asarray(Image.open(io.BytesIO(data)))
    tall = {name: strip.shape[0] for name, strip in frames.items()}
    assert tall["whole"] / tall["usual"] == pytest.approx(36 / 48, abs=0.01)
    with pytest.raises(RunError, match="choice of pixels"):
        attention_heat(usual, whole)


def test_cells_lie_on_the_picture_of_their_frame() -> None:
    untouched, cut = both()
    fig: Any = attention_heat(untouched, cut)
    layers, units, rows, columns = untouched.cells.shape
    (behind,) = fig.layout.images
    encoded = base64.b64decode(behind.source.removeprefix("data:image/jpeg;base64,"))
    with Image.open(io.BytesIO(encoded)) as picture:
        grey = np.asarray(picture.convert("L")).astype(float)
    assert (behind.sizex, behind.sizey) == (fig.layout.xaxis.range[1], fig.layout.yaxis.range[0])
    across, down = grey.shape[1] / behind.sizex, grey.shape[0] / behind.sizey  # pixels a cell
    frames = [
        Image.fromarray(frame) for frame in seen_frames(untouched.prompt.clip.frames, untouched.prompt.pixels)
    ]
    seen = np.stack(
        [np.asarray(frame.convert("L").resize((12, 12), Image.Resampling.BOX)) for frame in frames]
    )
    for trace in fig.data:
        x, y, z = np.asarray(trace.x), np.asarray(trace.y), np.asarray(trace.z)
        assert (len(y), len(x)) == (z.shape[0] + 1, z.shape[1] + 1), "edges, one more than cells"
        told = np.asarray(trace.customdata)
        for line, column in np.argwhere(~np.isnan(z)).tolist():
            layer, t, i, j, _ = told[line, column]
            left, top = x[column] - j, y[line] - i  # of the frame, in cells
            box = np.array([left * across, top * down, (left + columns) * across, (top + rows) * down])
            under = Image.fromarray(grey).crop(tuple(box.round().astype(int).tolist()))
            small = np.asarray(under.resize((12, 12), Image.Resampling.BOX))
            # Darkened by a fifth; the coarse noise of another frame is far from it.
            off = [np.abs(small - 0.8 * frame).mean() for frame in seen]
            assert np.argmin(off) == t, (layer, t)
            assert off[int(t)] < 8 < sorted(off)[1]
    assert fig.data[1].x[0] > fig.data[0].x[-1], "the second panel is right of the first"
    assert (layers, units, rows) == (4, 4, 2)


def test_both_panels_share_one_scale_and_one_bar() -> None:
    fig: Any = attention_heat(*both())
    assert len({(trace.zmin, trace.zmax) for trace in fig.data}) == 1
    assert [trace.showscale for trace in fig.data] == [True, False]
    assert fig.data[0].zmax >= max(np.nanmax(trace.z) for trace in fig.data) > fig.data[0].zmin
    labels = " ".join(annotation.text for annotation in fig.layout.annotations)
    assert "untouched" in labels
    assert "cut: frames\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}later frames in layers 1..2" in labels
    assert [*fig.layout.yaxis.ticktext] == ["layer 1", "layer 2", "layer 3", "layer 4"]


def test_texts_from_outside_stay_texts(tmp_path: Path) -> None:
    bad = "</script><script>alert(1)</script>%{x}"
    maps = dataclasses.replace(both()[0], query=bad)
    figures = [maps.figure(), maps.mass_figure()]
    for fig in figures:
        assert "<script" not in json.dumps(fig.to_dict()["layout"], default=str)
    parts = [Part(bad, bad), *(Part("", fig) for fig in figures)]
    page = write_page(tmp_path / "new" / "page.html", bad, parts, about=bad).read_text("utf-8")
    assert "alert(1)</script>" not in page
    assert page.count('<script type="application/json" id="figure-') == len(figures)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["page.html"]
