"""Planted models: what carries the answer stands out, and all else is nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.analyses.places import what_mattered
from workbench.analyses.sweep.effects import NothingCorrect
from workbench.data import Sample
from workbench.errors import FlowError, RunError
from workbench.figures.what_mattered import what_mattered as drawn
from workbench.planted import N_FRAMES, direct, planted_model, planted_sample, staged

LAYER = 3


@pytest.fixture(scope="module")
def reader():
    return planted_model(direct(LAYER))


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("asked")
    return [
        replace(planted_sample(folder, letter), id=f"planted/{n}") for n, letter in enumerate("ABABABABAB")
    ]


def ask(model, samples, each="frame", **more) -> wb.analyses.places.Mattered:  # pyright: ignore
    return what_mattered(model, samples, each, frames=N_FRAMES, progress=False, **more)


def whole(table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[(table["window"] == "all_layers()").to_numpy()].set_index("unit")


def test_the_frame_that_is_read_stands_out_and_no_other(reader, asked) -> None:
    found = ask(reader, asked, to="last", windows=("all_layers()", "centred(1)"))
    table = whole(found.table)
    assert table["n"].tolist() == [len(asked)] * N_FRAMES
    assert table.loc["frame[0]", "mean"] < -7.9
    assert bool(table.loc["frame[0]", "matters"])
    np.testing.assert_allclose(table["mean"].iloc[1:], 0, atol=1e-5)
    assert not table["matters"].iloc[1:].any()
    alone = found.table.loc[((found.table["unit"] == "frame[0]") & (found.table["layer"] > 0)).to_numpy()]
    hit = alone.set_index("layer")["mean"]
    assert hit[LAYER] < -7.9
    np.testing.assert_allclose(hit.drop(LAYER), 0, atol=1e-5)
    by_share = whole(found.measured_by("probability").table)
    assert by_share.loc["frame[0]", "mean"] < -40
    # The first token is a sink, and no frame holds one.
    sinks = whole(found.sinks)
    assert sinks["kind"].tolist() == ["sinks"]
    assert sinks.index.tolist() == ["text_sinks"]
    np.testing.assert_allclose(sinks["mean"], 0, atol=1e-5)
    assert "frame[0]" in repr(found)
    assert "frame[0]" in found._repr_html_()
    figure = found.figure()
    names = {trace.name for trace in figure.data}
    assert {"cut", "as many other edges", "sinks alone"} <= names
    heat = next(trace for trace in figure.data if trace.type == "heatmap")
    np.testing.assert_allclose(np.asarray(heat.z, float)[0], table["mean"], atol=1e-9)
    with pytest.raises(RunError, match="no measure"):
        found.measured_by("probabilty")
    with pytest.raises(RunError, match="no task 'moved'"):
        found.figure("moved")


def test_the_head_that_reads_stands_out_and_no_other(reader, asked) -> None:
    found = ask(reader, asked, "head", windows="all_layers()", measures="kl")
    table = whole(found.table)
    assert table.loc["head 0", "mean"] < -7.9
    assert table["matters"].tolist() == [True, False, False, False]
    np.testing.assert_allclose(table["mean"].iloc[1:], 0, atol=1e-5)
    np.testing.assert_allclose(table["control_mean"].iloc[1:], table.loc["head 0", "mean"] / 3, rtol=1e-4)
    assert "kl" in found.run.table
    assert found.figure().data


def test_pairs_of_frames_follow_the_planted_path(asked) -> None:
    found = ask(planted_model(staged(2, 4, 5)), asked[:4], "frame pair")
    table = whole(found.table)
    path = f"frame[0] -> frame[{N_FRAMES - 1}]"
    assert table.loc[path, "mean"] < -7.9
    np.testing.assert_allclose(table["mean"].drop(path), 0, atol=1e-5)
    assert np.isnan(table.loc["frame[0] -> frame[1]", "control_mean"]), "there is nothing else to draw"
    assert found.figure().data


def test_cells_sum_to_their_frame_and_locations_are_in_all_frames(reader, asked) -> None:
    cells = whole(ask(reader, asked[:2], "cell", to="last").table)
    # Four cells show the same: without one the others are read just as well.
    np.testing.assert_allclose(cells["mean"], 0, atol=1e-5)
    assert len(cells) == 4 * N_FRAMES
    found = ask(reader, asked[:2], "location", draws=2)
    assert len(whole(found.table)) == 4
    drawn_ = found.effects.loc[(found.effects["kind"] == "random").to_numpy()]
    assert drawn_.groupby(["sample_id", "unit"]).size().tolist() == [2] * 8
    assert drawn_["flow"].nunique() == 16, "every sample has draws of its own"
    assert found.figure().data


def test_heat_of_cells_is_the_table(reader, asked) -> None:
    found = ask(reader, asked[:2], "cell", to="last")
    rng = np.random.default_rng(0)
    table = found.table.assign(mean=rng.normal(size=len(found.table)))
    frames = found.prompt.clip.frames
    figure = drawn(table, frames, found.prompt.layout, each="cell")
    heat = np.asarray(next(trace for trace in figure.data if trace.type == "heatmap").z, float)
    assert heat.shape == (2, 2 * N_FRAMES)
    np.testing.assert_allclose(np.nansum(heat), table["mean"].sum())
    for row in table.to_dict("records"):
        assert heat[row["row"], 2 * row["frame"] + row["column"]] == row["mean"]


def test_engines_agree_and_a_run_goes_on(reader, asked, tmp_path: Path) -> None:
    one = ask(reader, asked[:2], out=tmp_path, windows="all_layers()")
    other = ask(reader, asked[:2], engine="reference", windows="all_layers()")
    np.testing.assert_allclose(one.run.table["p_knockout"], other.run.table["p_knockout"], atol=1e-5)
    assert one.run.table["flow"].tolist() == other.run.table["flow"].tolist()
    settings = json.loads((tmp_path / "manifest.json").read_text("utf-8"))["settings"]
    assert (settings["each"], settings["to"], settings["draws"]) == ("frame", None, 1)
    again = ask(reader, asked[:2], out=tmp_path, windows="all_layers()")
    pd.testing.assert_frame_equal(one.table, again.table)
    with pytest.raises(RunError, match="draws"):
        ask(reader, asked[:2], out=tmp_path, windows="all_layers()", draws=2)


def test_one_sample_alone_and_what_is_refused(reader, asked) -> None:
    found = ask(reader, asked[0], to="last", windows="all_layers()", sinks=False)
    assert found.table["n"].tolist() == [1] * N_FRAMES
    assert found.table["p_value"].isna().all()
    assert found.sinks.empty
    with pytest.raises(RunError, match="draws=-1"):
        ask(reader, asked[:2], draws=-1)
    with pytest.raises(FlowError, match="second frame"):
        ask(reader, asked[:2], "frame pair", to="last")
    with pytest.raises(RunError, match="nothing can be cut"):
        what_mattered(reader, asked[:2], "frame pair", frames=1, progress=False)
    wrong = [replace(sample, answer=1 - sample.answer) for sample in asked[:2]]
    with pytest.raises(NothingCorrect):
        ask(reader, wrong)
