"""The project's recipes on a model whose pathways are known, and the way recipes are found and described."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from tests.recipes.planted_folder import FRAMES, STAGES, PlantedFolder, make_planted
from workbench.errors import RunError
from workbench.files import plain_name
from workbench.interventions import MTF_FLOWS
from workbench.recipe import find_recipe, recipe_names, recipes_folder


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    return make_planted(tmp_path_factory.mktemp("planted"))


def settings(planted: PlantedFolder, out: Path, **more):
    return {"model": str(planted.model), "data": str(planted.data), "out": out, "frames": FRAMES, **more}


def test_information_flow_finds_the_planted_layers_and_leaves_its_files(planted, tmp_path, capsys) -> None:
    out = tmp_path / "runs" / "flow"
    recipe = find_recipe("information_flow")(**settings(planted, out, window="centred(1)", bin=1))
    run = recipe.run()
    files = {path.name for path in out.iterdir() if not path.name.startswith(".")}
    assert files == {
        "effects.parquet",
        "samples.parquet",
        "skipped.csv",
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


def test_evaluate_prints_and_stores_the_accuracy(planted, tmp_path, capsys) -> None:
    found = find_recipe("evaluate")(**settings(planted, tmp_path)).run()
    assert found.table[["task", "samples", "correct", "accuracy_percent"]].values.tolist() == [
        ["planted", 2, 2, 100.0]
    ]
    assert found.table["chance_percent"].tolist() == [50.0]
    assert_frame_equal(pd.read_csv(tmp_path / "accuracy.csv"), found.table, rtol=1e-3)
    said = capsys.readouterr().out
    assert "100.0%" in said
    assert "1 sample skipped" in said


def test_every_recipe_explains_itself_and_every_field(capsys) -> None:
    import tyro

    assert {"information_flow", "evaluate"} <= set(recipe_names())
    for name in recipe_names():
        recipe = find_recipe(name)
        assert recipe.__doc__
        assert "(" + recipe.__name__ not in recipe.__doc__  # a dataclass without words gets its signature
        with pytest.raises(SystemExit):
            tyro.cli(recipe, args=["--help"])
        said = " ".join(capsys.readouterr().out.replace("│", " ").split())
        for field in dataclasses.fields(recipe):
            option = f"--{field.name.replace('_', '-')}"
            assert option in said
            described = re.split(r"\((default|required)", said.split(option, 1)[1])[0]
            assert len(described) > 20, f"{name} {option} has no description"


def test_attention_maps_shows_the_planted_word_and_what_a_cut_does(planted, tmp_path, capsys) -> None:
    """The word "move?" reads the last frame in layer 4, head 2; that flow cut, it does not."""
    recipe = find_recipe("attention_maps")(
        **settings(planted, tmp_path, word="move", heads="2", flow="frame[3] -> nonoption", layers=(3, 4))
    )
    found: Any = recipe.run()
    ((drawn, (untouched, cut)),) = found.maps.items()
    assert untouched.cells[1, 3].sum() > 0.999
    assert cut.cells[1, 3].sum() == 0
    files = {path.name for path in tmp_path.iterdir()}
    assert files - {".lock"} == {
        "attention_maps.html",
        "attention_maps.csv",
        "attention_by_span.csv",
        "attention_by_span.parquet",
        "skipped.csv",
        "manifest.json",
        "shards",
        f"attention_{plain_name(drawn)}.png",
    }
    table = pd.read_csv(tmp_path / "attention_maps.csv")
    assert len(table) == 2 * untouched.cells.size
    assert table.loc[table["state"] == "untouched", "weight"].max() > 0.2
    mass = pd.read_csv(tmp_path / "attention_by_span.csv")
    sums = mass.pivot_table(index=["state", "layer"], values="mass", aggfunc="sum").to_numpy()
    assert sums.ravel().tolist() == pytest.approx([1] * 4, abs=1e-4)
    assert "Written: " in capsys.readouterr().out


def test_attention_maps_takes_the_word_that_tells_most(planted, tmp_path) -> None:
    recipe = find_recipe("attention_maps")
    found: Any = recipe(**settings(planted, tmp_path, layers=(4,), limit=2, pictures=2)).run()
    assert [untouched.query.split('"')[1] for untouched, _ in found.maps.values()] == ["left", "right"]


def test_attention_maps_draws_a_few_samples_measures_all_and_goes_on_where_it_stopped(
    planted, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("workbench.pages.png._draw", lambda fig, **size: b"\x89PNG")
    recipe: Any = find_recipe("attention_maps")
    asked = settings(planted, tmp_path, layers=(3, 4), limit=2)
    found: Any = recipe(**asked).run()
    table = pd.read_csv(tmp_path / "attention_by_span.csv")
    assert len(found.maps) == len(list(tmp_path.glob("*.png"))) == 1
    assert len(set(table["sample_id"])) == 2
    sums = table.pivot_table(index=["sample_id", "state", "layer"], values="mass", aggfunc="sum").to_numpy()
    assert sums.ravel().tolist() == pytest.approx([1] * 8, abs=1e-4)
    # What was measured before a kill is not measured again; what is missing is.
    shards = sorted(tmp_path.glob("shards/*00000*"))
    made = [file.stat().st_mtime_ns for file in shards]
    for file in (*tmp_path.glob("shards/*00001*"), *tmp_path.glob("attention_*")):
        file.unlink()
    recipe(**asked).run()
    assert [file.stat().st_mtime_ns for file in shards] == made
    assert_frame_equal(pd.read_csv(tmp_path / "attention_by_span.csv"), table)
    with pytest.raises(RunError, match="heads"):
        recipe(**asked, heads="max").run()
    with pytest.raises(RunError, match="pictures=0"):
        recipe(**asked, pictures=0).run()


def test_a_picture_that_cannot_be_drawn_is_left_out_of_a_run(planted, tmp_path, monkeypatch, capsys) -> None:
    def late(*_: Any, **__: Any) -> bytes:
        raise RunError("The PNG was not drawn within 60 s.")

    monkeypatch.setattr("workbench.pages.png._draw", late)
    with pytest.warns(UserWarning, match=r"png is left out; the figure is in .*attention_maps\.html"):
        find_recipe("attention_maps")(**settings(planted, tmp_path, layers=(4,), limit=1)).run()
    assert "attention_maps.html" in capsys.readouterr().out
    assert (tmp_path / "attention_maps.html").exists()
    assert not list(tmp_path.glob("*.png"))


def test_attention_maps_says_why_a_word_gives_no_map(planted, tmp_path) -> None:
    recipe = find_recipe("attention_maps")
    with pytest.raises(RunError, match=r"'mvoe' is not in 'question'.*Did you mean 'move'"):
        recipe(**settings(planted, tmp_path, word="mvoe")).run()
    with pytest.raises(RunError, match="6 ranges"):
        recipe(**settings(planted, tmp_path, cut_layers="centred(3)")).run()
    with pytest.raises(RunError, match="mean, max"):
        recipe(**settings(planted, tmp_path, heads="median")).run()


def test_recipes_are_short_and_use_public_names_only() -> None:
    """Packages, and modules that stand alone: what a user would import."""
    package = Path(wb.__file__).parent
    for name in recipe_names():
        lines = (recipes_folder() / f"{name}.py").read_text(encoding="utf-8").splitlines()
        assert len(lines) < 80, f"{name} has {len(lines)} lines"
        for line in lines:
            found = re.match(r"\s*(?:from|import) workbench\.([\w.]+)", line)
            if found:
                place = package.joinpath(*found[1].split("."))
                assert (place / "__init__.py").is_file() or place.parent == package, f"{name}: {line}"
