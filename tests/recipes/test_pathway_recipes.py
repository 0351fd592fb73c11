"""Effective pathways and whether they are enough, on a model whose only path is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import workbench as wb
from tests.recipes.planted_folder import FRAMES, STAGES, PlantedFolder, make_planted
from workbench.errors import RunError
from workbench.recipe import find_recipe

CROSS, TO_QUESTION, TO_LAST = "frames -> later frames", "video -> question", "question -> last"
RANGES = dict(zip((CROSS, TO_QUESTION, TO_LAST), ((layer, layer) for layer in STAGES), strict=True))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    return make_planted(tmp_path_factory.mktemp("planted"), samples=4)


@pytest.fixture(scope="module")
def swept(planted: PlantedFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sweep")
    flows = (CROSS, TO_QUESTION, TO_LAST, "video -> last", "last -> last")
    run = wb.sweep(
        wb.load(str(planted.model), device="cpu"),
        wb.samples(str(planted.data)),
        flows,
        "centred(1)",
        frames=FRAMES,
        out=out,
        progress=False,
    )
    assert run.finished
    return out


def settings(planted: PlantedFolder, out: Path, **more) -> dict[str, Any]:
    common = {"model": str(planted.model), "data": str(planted.data), "out": out, "frames": FRAMES}
    return {**common, "device": "cpu", "bin": 1, **more}


def test_ranges_of_two_models_stand_in_one_table(planted, swept, tmp_path, capsys) -> None:
    name = str(wb.load_run(swept).manifest["settings"]["model"])
    recipe: Any = find_recipe("effective_pathways")
    found = recipe(**settings(planted, tmp_path, model=name, runs=(swept,))).run()
    assert dict(found[name]) == RANGES
    stored = pd.read_csv(tmp_path / "ranges.csv", dtype=str).to_dict("records")
    assert stored[0]["model"] == name
    assert {flow: stored[0][flow] for flow in RANGES} == {flow: str(a) for flow, (a, _) in RANGES.items()}
    assert stored[0]["video -> last"] == "-"
    bins = pd.read_csv(tmp_path / "pathways.csv")
    assert set(bins["model"]) == {name}
    assert (tmp_path / "effective_pathways.png").read_bytes().startswith(b"\x89PNG")
    assert "plotly" in (tmp_path / "effective_pathways.html").read_text()
    said = capsys.readouterr().out
    assert "Effective layers" in said
    assert "only 4 samples" in said, "a warning that the curves rest on few samples"


def test_a_run_that_no_model_asks_for_is_refused(planted, swept, tmp_path) -> None:
    recipe: Any = find_recipe("effective_pathways")
    with pytest.raises(RunError, match="models asked for are mini/image"):
        recipe(**settings(planted, tmp_path, model="mini/image", runs=(swept,))).run()
    with pytest.raises(RunError, match="named twice"):
        recipe(**settings(planted, tmp_path, model="a", models=("a",))).run()


def test_the_planted_path_is_enough_and_random_edges_are_not(planted, swept, tmp_path, capsys) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    found = recipe(**settings(planted, tmp_path, sweep=swept, controls=6, ranges="each")).run()
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


def test_it_sweeps_by_itself_and_goes_on(planted, tmp_path) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    wanted = settings(planted, tmp_path, window="centred(1)", modes=("strict",), controls=0, ranges="all")
    found = recipe(**wanted).run()
    assert found.outcomes["correct"].all()
    assert set(found.outcomes["setting"]) == {"full", "effective"}
    assert wb.load_run(tmp_path / "sweep").finished
    pd.testing.assert_frame_equal(recipe(**wanted).run().outcomes, found.outcomes)


def test_ranges_of_one_half_are_tested_on_the_other(planted, swept, tmp_path, capsys) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    wanted = settings(planted, tmp_path, sweep=swept, held_out=True, modes=("strict",), controls=0)
    found = recipe(**wanted).run()
    known: Any = wb.load_run(swept).samples["sample_id"]
    assert set(found.outcomes["sample_id"]) == set(known.tolist()[1::2])
    assert found.outcomes["correct"].all()
    assert "asked are 2 held-out samples" in capsys.readouterr().out


def test_closing_the_path_loses_the_answer(planted, swept, tmp_path) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    # With so deep a threshold no flow is effective: everything is closed.
    found = recipe(**settings(planted, tmp_path, sweep=swept, threshold=-150.0, controls=0)).run()
    effective: Any = found.outcomes[found.outcomes["setting"] == "effective"]
    assert len(effective) == 12
    assert not effective["correct"].any()


def test_a_sweep_of_another_model_is_refused(planted, swept, tmp_path) -> None:
    recipe: Any = find_recipe("pathways_suffice")
    with pytest.raises(RunError, match="is a sweep of"):
        recipe(**settings(planted, tmp_path, model="mini/video-ft", sweep=swept)).run()
    with pytest.raises(RunError, match="task 'action_antonyms' is not in this run"):
        recipe(**settings(planted, tmp_path, sweep=swept, ranges="action_antonyms")).run()
