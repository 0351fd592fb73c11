"""The recipes of the logit lens and of answer probabilities on a model whose answer appears in layer 5."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from tests.recipes.planted_folder import FRAMES, STAGES, PlantedFolder, make_planted
from workbench.analyses.lens.keywords import BUILT_IN, KeywordList, write_keywords
from workbench.recipe import find_recipe


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedFolder:
    return make_planted(tmp_path_factory.mktemp("planted"))


def settings(planted: PlantedFolder, out: Path, **more):
    return {"model": str(planted.model), "data": str(planted.data), "out": out, "frames": FRAMES, **more}


def names(out: Path) -> set[str]:
    return {path.name for path in out.iterdir() if not path.name.startswith(".")}


RUN = {"manifest.json", "shards", "skipped.csv"}
TABLES = {
    "keyword_counts.parquet",
    "keyword_frequencies.csv",
    "list_frequencies.csv",
    "keyword_tokens.csv",
    "keywords.json",
}


def test_logit_lens_finds_the_planted_word_in_its_layers(planted, tmp_path, capsys) -> None:
    lists = write_keywords([KeywordList(name="answers", words=("a", "b"))], tmp_path / "mine.json")
    out = tmp_path / "run"
    recipe = find_recipe("logit_lens")
    found = recipe(**settings(planted, out, keywords=str(lists), rows="last", bin=1, min_hits=1)).run()
    assert names(out) == RUN | TABLES | {"logit_lens.html", "logit_lens.png"}
    b = found.table[found.table["keyword"] == "b"]
    assert b["hits"].tolist()[STAGES[-1] - 1 :] == [1, 1]
    assert_frame_equal(pd.read_parquet(out / "keyword_counts.parquet"), found.counts)
    stored = pd.read_csv(out / "keyword_frequencies.csv")
    assert_frame_equal(stored, found.table, rtol=1e-4)
    said = capsys.readouterr().out
    assert "answers" in said
    assert "Skipped: 1, see" in said
    assert (out / "logit_lens.png").read_bytes().startswith(b"\x89PNG")


def test_without_hits_there_is_no_curve_but_the_overlay(planted, tmp_path, capsys) -> None:
    """The video rows of this model say nothing."""
    lists = write_keywords([KeywordList(name="way[s]", words=("left",))], tmp_path / "mine.json")
    out = tmp_path / "run"
    find_recipe("logit_lens")(**settings(planted, out, keywords=str(lists))).run()
    assert names(out) == RUN | TABLES | {"lens_overlay.html"}
    said = capsys.readouterr().out
    assert "No figure" in said
    assert "way[s]" in said
    assert "frame[3]" in (out / "lens_overlay.html").read_text(encoding="utf-8")


def test_lists_follow_the_data_set(planted, tmp_path) -> None:
    recipe = find_recipe("logit_lens")
    samples = recipe(**settings(planted, tmp_path)).load_samples()
    of = {
        data: recipe(model="m", out=tmp_path, data=data).lists(samples)  # pyright: ignore[reportAttributeAccessIssue]
        for data in ("mini", "mini/object_count", "tvbench:/x", "/y")
    }
    assert of["mini"] == of["mini/object_count"] == BUILT_IN["mini"]
    assert of["tvbench:/x"] == of["/y"] == BUILT_IN["mtf"]


def test_answer_probability_rises_in_the_planted_layer(planted, tmp_path, capsys) -> None:
    found = find_recipe("answer_probability")(**settings(planted, tmp_path)).run()
    assert names(tmp_path) == RUN | {
        "answer_probability.parquet",
        "answer_curves.csv",
        "answer_probability.html",
        "answer_probability.png",
    }
    curves = pd.read_csv(tmp_path / "answer_curves.csv")
    assert_frame_equal(curves, found.curves(), atol=1e-5)
    true = curves[curves["role"] == "true_option"]["mean"]
    assert (true > 0.5).tolist() == [layer >= STAGES[-1] for layer in range(1, 7)]
    said = capsys.readouterr().out
    assert "planted" in said
    assert "Skipped: 1" in said
