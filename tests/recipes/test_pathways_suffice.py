"""Whether the only path of a model is enough, and random edges are not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import workbench as wb
from tests.recipes.planted_folder import STAGES, each_layer
from workbench.errors import RunError
from workbench.recipe import find_recipe


def test_the_planted_path_is_enough_and_random_edges_are_not(four, swept, tmp_path, capsys) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    found = recipe(**each_layer(four, tmp_path, sweep=swept, controls=6, ranges="each")).run()
    table: Any = pd.read_csv(tmp_path / "pathways_suffice.csv")
    of: Any = table[table["seed"] == -1].set_index(["setting", "mode"])
    for mode in ("faithful", "strict", "general"):
        assert of.loc[("effective", mode), "accuracy_percent"] == 100
        assert of.loc[("effective", mode), "lost_points"] == 0
        assert of.loc[("random", mode), "lost_points"] > 10
        assert (
            of.loc[("random", mode), "edges"]
            == of.loc[("effective", mode), "edges"]
            < of.loc["full"].iloc[0]["edges"]
        )
    assert (table["edges"] == table["edges_by_masks"]).all()
    assert found.skipped["sample_id"].tolist() == ["planted/broken"]
    said = capsys.readouterr().out
    assert "Pathways (strict): 100.0% correct" in said
    assert "0.0 points lost" in said
    assert (tmp_path / "pathways_suffice.png").read_bytes().startswith(b"\x89PNG")
    assert {
        row["first_layer"] for row in pd.read_csv(tmp_path / "pathways.csv").dropna().to_dict("records")
    } == {*STAGES}


def test_it_sweeps_by_itself_and_goes_on(four, tmp_path) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    wanted = each_layer(four, tmp_path, window="centred(1)", modes=("strict",), controls=0, ranges="all")
    found = recipe(**wanted).run()
    assert found.outcomes["correct"].all()
    assert set(found.outcomes["setting"]) == {"full", "effective"}
    assert wb.load_run(tmp_path / "sweep").finished
    pd.testing.assert_frame_equal(recipe(**wanted).run().outcomes, found.outcomes)


def test_ranges_of_one_half_are_tested_on_the_other(four, swept, tmp_path, capsys) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    wanted = each_layer(four, tmp_path, sweep=swept, held_out=True, modes=("strict",), controls=0)
    found = recipe(**wanted).run()
    known: Any = wb.load_run(swept).samples["sample_id"]
    assert set(found.outcomes["sample_id"]) == set(known.tolist()[1::2])
    assert found.outcomes["correct"].all()
    assert "asked are 2 held-out samples" in capsys.readouterr().out


def test_closing_the_path_loses_the_answer(four, swept, tmp_path) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    # With so deep a threshold no flow is effective: everything is closed.
    found = recipe(**each_layer(four, tmp_path, sweep=swept, threshold=-150.0, controls=0)).run()
    effective: Any = found.outcomes[found.outcomes["setting"] == "effective"]
    assert len(effective) == 12
    assert not effective["correct"].any()


def test_a_sweep_of_another_model_is_refused(four, swept, tmp_path) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    with pytest.raises(RunError, match="is a sweep of"):
        recipe(**each_layer(four, tmp_path, model="mini/video-ft", sweep=swept)).run()
    with pytest.raises(RunError, match=r"no task 'action_antonyms' to read ranges off.* one of planted"):
        recipe(**each_layer(four, tmp_path, sweep=swept, ranges="action_antonyms")).run()
