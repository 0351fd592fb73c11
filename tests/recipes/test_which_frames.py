"""Which pair of frames carries the answer, on a model that has one path."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.recipes.planted_folder import files, settings
from workbench.planted import N_FRAMES
from workbench.recipe import find_recipe

pytestmark = pytest.mark.usefixtures("quick")


def test_which_frames_names_the_frame_that_shows_the_answer(planted, tmp_path, capsys) -> None:
    found = find_recipe("which_frames")(
        **settings(planted, tmp_path, each="frame pair", device="cpu", probability=True)
    ).run()
    table = pd.read_csv(tmp_path / "what_mattered.csv")
    assert table.loc[table["mean"].idxmin(), "unit"] == f"frame[0] -> frame[{N_FRAMES - 1}]"
    assert found.measure == "probability"
    sinks = pd.read_csv(tmp_path / "sinks.csv")
    assert set(sinks["unit"]) == {"text_sinks"}
    assert {"which_planted.png", "which_planted.html", "effects.parquet", "manifest.json"} <= files(tmp_path)
    assert "Attention sinks" in (tmp_path / "which_planted.html").read_text(encoding="utf-8")
    assert "frame[0] -> frame[3]" in capsys.readouterr().out
