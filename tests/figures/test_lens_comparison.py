"""Curves of lenses: a panel an attribute, means and bands where the summary has them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.figures.drawn import bands, lines, notes, panel_of
from tests.figures.lens_tables import N_LAYERS, lens_counts
from workbench.analyses.lens.cell_words import right_shares
from workbench.errors import RunError
from workbench.figures import lens_comparison

PANELS = ["shape", "motion", "any word"]


def test_every_mean_and_band_is_in_its_place() -> None:
    table = lens_counts()
    curves = right_shares(table, seed=2)
    for given in (table, curves):
        fig: Any = lens_comparison(given, seed=2)
        assert len(lines(fig)) == len(bands(fig)) == 6
        for line, band in zip(lines(fig), bands(fig), strict=True):
            mine = curves[(curves["lens"] == line.name) & (curves["attribute"] == PANELS[panel_of(line)])]
            assert list(line.x) == list(range(N_LAYERS + 1))
            assert list(line.y) == pytest.approx(mine["mean"].tolist())
            assert list(band.y) == pytest.approx([*mine["high"], *mine["low"][::-1]])
        guessing = [trace for trace in fig.data if trace.mode == "lines" and trace.fill is None]
        assert [(panel_of(trace), trace.y[0]) for trace in guessing] == [
            (0, 1 / 5),
            (1, pytest.approx(1 / 12)),
        ]
    said = notes(fig)
    assert "<b>Shape</b>, one of 5; 6 clips" in said
    assert "<b>Motion</b>, one of 12; 5 clips" in said
    assert "<b>Any word</b>, of all it knows; 6 clips" in said


def test_lenses_can_be_chosen_and_own_names_have_styles_of_their_own() -> None:
    table = lens_counts(lenses=("mine <b>", "yours", "probe"))
    fig: Any = lens_comparison(table, lenses=["yours", "mine <b>"])
    colours = {line.name: line.line.color for line in lines(fig)}
    assert set(colours) == {"mine &lt;b&gt;", "yours"}
    assert len(set(colours.values())) == 2
    with pytest.raises(RunError, match=r"no lens 'prob'.*Did you mean 'probe'"):
        lens_comparison(table, lenses="prob")


def test_few_clips_are_said_to_be_few() -> None:
    assert "2 clips (few)" in notes(lens_comparison(lens_counts(clips=2)))
