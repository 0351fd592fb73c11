"""The logit lens on a model whose answer appears in layer 5."""

from __future__ import annotations

import pandas as pd
from pandas.testing import assert_frame_equal

from tests.recipes.planted_folder import RUN, STAGES, names, settings
from workbench.analyses.lens.keywords import BUILT_IN, KeywordList, write_keywords
from workbench.recipe import find_recipe

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
