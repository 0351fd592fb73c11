"""Recipes of Map the Flow on models whose only path is known: the tables say where it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file, save_file

from tests.planted import CONSTANT, IDS, LAST_WORD, direct, save_planted
from tests.recipes.planted_folder import FRAMES, STAGES, PlantedFolder, make_planted
from workbench.errors import RunError
from workbench.recipe import find_recipe

FLOW, READ, ANSWER = STAGES  # the layers of frames -> later frames, video -> question, question -> last
HALF = 3  # of 6 layers


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    made = make_planted(tmp_path_factory.mktemp("planted"))
    # A model that knows nothing says <unk>. Left alone, a rest of 1e-38 would decide between A and B.
    file = made.model / "model.safetensors"
    weights = load_file(file)
    weights["language_model.lm_head.weight"][IDS["<unk>"], CONSTANT] = 1e-3
    save_file(weights, file, metadata={"format": "pt"})
    return made


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that reads the first frame from the last row, and one that reads nothing."""
    folder = tmp_path_factory.mktemp("others")
    save_planted(direct(3), folder / "direct")
    save_planted({}, folder / "blank")
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No picture is drawn: the drawing is tested with the figures, and takes seconds each time."""
    monkeypatch.setattr("workbench.pages.png._draw", lambda fig, **size: bool(fig.data) and b"\x89PNG")


def settings(planted: PlantedFolder, out: Path, **more: Any) -> dict[str, Any]:
    return {"model": str(planted.model), "data": str(planted.data), "out": out, "frames": FRAMES, **more}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")}


def fallen(table: pd.DataFrame) -> list[int]:
    """Centre layers in which the answer is lost."""
    return sorted({int(row["layer"]) for row in table.to_dict("records") if row["mean"] < -50})


def rows(table: pd.DataFrame, **wanted: object) -> pd.DataFrame:
    for column, value in wanted.items():
        table = table.loc[np.asarray(table[column] == value, dtype=bool)]
    return table


def test_image_vs_video_sees_the_flow_in_one_model_only(planted, others, tmp_path, capsys) -> None:
    recipe: Any = find_recipe("image_vs_video")
    asked = settings(planted, tmp_path, image_model=str(others / "direct"))
    found: Any = recipe(**asked).run()
    assert files(tmp_path) == {"image_vs_video.csv", "image_vs_video.png", "image_vs_video.html"}
    stored = pd.read_csv(tmp_path / "image_vs_video.csv")
    assert fallen(rows(stored, model="model")) == [FLOW]
    assert fallen(rows(stored, model="direct")) == []
    assert found.counts["used"].tolist() == [2, 2]
    # Two of two are right, which guessing between two options often does, too.
    assert "2 of 2 right, not clearly above chance (50%)" in capsys.readouterr().out

    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/shards/*")}
    assert made
    again: Any = recipe(**asked, common=True).run()
    assert again.shared
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/shards/*")} == made


def test_image_vs_video_shows_a_model_that_answers_nothing(planted, others, tmp_path) -> None:
    found: Any = find_recipe("image_vs_video")(
        **settings(planted, tmp_path, image_model=str(others / "blank"))
    ).run()
    assert found.counts["used"].tolist() == [2, 0]
    assert "blank: no curve, 0 of 2 right" in (tmp_path / "image_vs_video.html").read_text()


def test_image_vs_video_takes_a_sweep_that_is_there(planted, others, tmp_path) -> None:
    recipe: Any = find_recipe("image_vs_video")
    asked = settings(planted, tmp_path / "whole", image_model=str(others / "direct"))
    expected: Any = recipe(**asked).run()
    made = tmp_path / "whole" / "video_model"
    given = {**asked, "out": tmp_path / "again", "sweep": made}
    found: Any = recipe(**given).run()
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert not (tmp_path / "again" / "video_model").exists()
    for other, message in (
        ({"flows": ("video -> last",)}, "has no video -> last"),
        ({"window": "centred(2)"}, r"has no centred\(2\)"),
        ({"limit": 1}, "other samples: 3 of data, and asked are 1 of data"),
        ({"model": str(others / "blank")}, "is a run of 'model', and the model asked for is 'blank'"),
    ):
        with pytest.raises(RunError, match=message):
            recipe(**{**given, **other}).run()


def test_image_vs_video_wants_two_models(planted, tmp_path) -> None:
    with pytest.raises(RunError, match="Name two models"):
        find_recipe("image_vs_video")(**settings(planted, tmp_path, image_model=str(planted.model))).run()


def test_two_folders_of_one_name_are_told_apart(planted, others, tmp_path) -> None:
    namesake = tmp_path / "elsewhere" / "model"
    save_planted(direct(3), namesake)
    found: Any = find_recipe("image_vs_video")(
        **settings(planted, tmp_path / "out", image_model=str(namesake))
    ).run()
    assert found.models == ("model", str(namesake))


def test_cross_frame_halves_finds_the_half_with_the_flow(planted, tmp_path, capsys) -> None:
    assert FLOW <= HALF
    find_recipe("cross_frame_halves")(**settings(planted, tmp_path, max_new_tokens=1)).run()
    drops = pd.read_csv(tmp_path / "accuracy_drop.csv")
    assert drops[["window", "first_layer", "last_layer", "correct", "flips"]].values.tolist() == [
        ["first_half()", 1, HALF, 2, 2],
        ["second_half()", HALF + 1, 2 * HALF, 2, 0],
    ]
    examples = pd.read_csv(tmp_path / "examples.csv", keep_default_na=False)
    assert examples.groupby("cut", sort=False)["right"].all().to_dict() == {
        "untouched": True,
        "first_half": False,
        "second_half": True,
    }
    assert "✓ left" in capsys.readouterr().out
    assert "✓ left" in (tmp_path / "cross_frame_halves.html").read_text(encoding="utf-8")
    assert {"cross_frame_halves.png", "effects.parquet", "manifest.json"} <= files(tmp_path)


def test_wider_windows_lose_the_answer_in_more_layers(planted, tmp_path, capsys) -> None:
    find_recipe("window_size")(
        **settings(planted, tmp_path, sizes=(1, 3, 5), exact=True, flows=("video -> question",))
    ).run()
    curves = pd.read_csv(tmp_path / "window_size.csv")
    for k in (1, 3, 5):
        expected = [layer for layer in range(1, 7) if abs(layer - READ) <= k // 2]
        assert fallen(rows(curves, window=f"centred({k})")) == expected
    assert "Windows: centred(1), centred(3), centred(5)." in capsys.readouterr().out
    assert {"window_size.png", "window_size.html"} <= files(tmp_path)


def test_the_sizes_are_scaled_to_a_shallow_model_and_this_is_said(planted, tmp_path, capsys) -> None:
    run: Any = find_recipe("window_size")(**settings(planted, tmp_path)).run()
    assert run.table["window"].unique().tolist() == ["centred(1)", "centred(3)"]
    said = "from the paper's 32 layers to 6: 1 becomes 1, 5 becomes 1, 9 becomes 1, 13 becomes 3."
    assert said in capsys.readouterr().out


@pytest.fixture(scope="module")
def stemmed(planted: PlantedFolder, tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    """The same questions with a stem, which ends in the word that the last row is known by."""
    folder = tmp_path_factory.mktemp("stemmed")
    shutil.copytree(planted.data, folder, dirs_exist_ok=True)
    entries = json.loads((planted.data / "json" / "planted.json").read_text())
    for entry in entries:
        letter = "AB"[entry["candidates"].index(entry["answer"])]
        entry |= {"stem": f"Best {LAST_WORD}", "open_answer": letter}
    (folder / "json" / "planted.json").write_text(json.dumps(entries))
    return PlantedFolder(planted.model, folder)


def test_open_ended_finds_the_path_without_options(stemmed, tmp_path, capsys) -> None:
    run: Any = find_recipe("open_ended")(**settings(stemmed, tmp_path, max_new_tokens=1)).run()
    curves = pd.read_csv(tmp_path / "open_ended.csv")
    assert {flow: fallen(part) for flow, part in curves.groupby("flow")} == {
        "frames -> later frames": [FLOW],
        "video -> nonoption": [READ],
        "nonoption -> last": [ANSWER],
        "video -> last": [],
    }
    assert run.samples["predicted"].tolist() == ["A", "B"]
    examples = pd.read_csv(tmp_path / "examples.csv", keep_default_na=False)
    kept = examples.groupby("cut", sort=False)["right"].all().to_dict()
    assert kept == {
        "untouched": True,
        "frames -> later frames": False,
        "video -> nonoption": False,
        "nonoption -> last": False,
        "video -> last": True,
    }
    assert {"open_ended.png", "open_ended.html"} <= files(tmp_path)
    word: Any = pd.read_csv(tmp_path / "true_word.csv").set_index("layer")["mean"]
    assert word[ANSWER - 1] < 0.5 < word[ANSWER], "the true word appears where it is written"
    assert "Answers before and after" in capsys.readouterr().out


def test_answers_are_written_under_one_cut(stemmed, tmp_path) -> None:
    recipe = find_recipe("open_ended")
    with pytest.raises(RunError, match="--answers-window centred"):
        recipe(**settings(stemmed, tmp_path, answers_window="centred(3)")).run()
    recipe(**settings(stemmed, tmp_path, answers_window="after(5)", max_new_tokens=1)).run()
    examples = pd.read_csv(tmp_path / "examples.csv", keep_default_na=False)
    assert all(examples["right"]), "layer 6 carries nothing"


def test_examples_can_be_left_out(stemmed, tmp_path) -> None:
    find_recipe("open_ended")(**settings(stemmed, tmp_path, examples=0)).run()
    assert "examples.csv" not in files(tmp_path)
    find_recipe("cross_frame_halves")(**settings(stemmed, tmp_path / "b", examples=0)).run()
    assert "examples.csv" not in files(tmp_path / "b")
