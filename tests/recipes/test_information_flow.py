"""Information flow on a model whose pathways are known."""

from __future__ import annotations

import pandas as pd
from pandas.testing import assert_frame_equal

import workbench as wb
from tests.recipes.planted_folder import STAGES, settings
from workbench.interventions import MTF_FLOWS
from workbench.recipe import find_recipe


def test_information_flow_finds_the_planted_layers_and_leaves_its_files(planted, tmp_path, capsys) -> None:
    out = tmp_path / "runs" / "flow"
    recipe = find_recipe("information_flow")(**settings(planted, out, window="centred(1)", bin=1))
    run = recipe.run()
    files = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert files == {
        "effects.parquet",
        "samples.parquet",
        "skipped.csv",
        "SHA256SUMS",
        "pathways.csv",
        "information_flow.png",
        "information_flow_to_last.png",
        "information_flow_to_options.png",
        "report.html",
        "samples",
        "manifest.json",
        "shards",
    }
    (page,) = (out / "samples").iterdir()
    assert page.name.startswith("planted_")
    assert f'href="samples/{page.name}"' in (out / "report.html").read_text(encoding="utf-8")
    assert_frame_equal(pd.read_parquet(out / "effects.parquet"), run.table)
    assert tuple(run.table["flow"].unique()) == MTF_FLOWS, "all of the paper, in its order"
    a, b, c = STAGES
    expected = {
        "frames -> later frames": (a, a),
        "video -> question": (b, b),
        "question -> last": (c, c),
        "video -> nonoption": (b, b),  # the planted question holds what it has read in its text
        "nonoption -> last": (c, c),
    }
    assert dict(wb.pathways(run, bin=1)) == expected
    stored = pd.read_csv(out / "pathways.csv").dropna().to_dict("records")
    assert all((row["window"], row["bin"], row["threshold"]) == ("centred(1)", 1, -5.0) for row in stored)
    assert {row["flow"]: (row["first_layer"], row["last_layer"]) for row in stored} == expected
    said = capsys.readouterr().out
    assert "question -> last" in said
    assert "centred(1)" in said
    assert "Skipped: 1, see" in said
    assert run.skipped["sample_id"].tolist() == ["planted/broken"]
    assert (out / "information_flow.png").read_bytes().startswith(b"\x89PNG")


def test_a_window_without_a_centre_gives_no_pathways_but_all_else(planted, tmp_path, capsys) -> None:
    recipe = find_recipe("information_flow")(
        **settings(planted, tmp_path, window="all_layers", flows=("video -> question",), sample_pages=0)
    )
    assert recipe.run().table["layer"].tolist() == [0, 0]
    assert "No pathways" in capsys.readouterr().out
    assert not (tmp_path / "pathways.csv").exists()
    assert (tmp_path / "report.html").exists()
    assert not (tmp_path / "samples").exists()
    assert [path.name for path in tmp_path.glob("*.png")] == ["information_flow.png"]
