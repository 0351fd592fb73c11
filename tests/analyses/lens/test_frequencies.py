"""Keyword frequencies: the paper's normalisation by hand, and counts against the lens itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import workbench as wb
from workbench.analyses.lens import layers as lens_module
from workbench.analyses.lens.frequencies import KeywordCount, frequency_tables
from workbench.analyses.lens.keywords import BUILT_IN, KeywordList
from workbench.data import Samples
from workbench.errors import RunError
from workbench.planted import N_FRAMES, planted_model, planted_sample, staged

ANSWERS = KeywordList(name="answers", words=("a", "b"))


def counts(**hits: tuple[int, ...]) -> pd.DataFrame:
    """Hits a layer of each keyword, over two samples; a name is its list, a letter, "_" and the word."""
    return pd.DataFrame(
        [
            KeywordCount(f"t/{sample}", "t", name[0], name[2:], "whole word", layer, n // 2, 10)
            for sample in range(2)
            for name, of in hits.items()
            for layer, n in enumerate(of, start=1)
        ]
    )


def test_shares_by_hand() -> None:
    """Bins 1-2, 3-4, 5. Rows sum to 1 before the mean, so that a common word weighs no more than others."""
    table = counts(
        s_cup=(10, 10, 60, 20, 0), s_bed=(0, 0, 0, 0, 1000), s_rare=(4, 4, 4, 4, 4), t_eat=(2,) * 5
    )
    found: Any = frequency_tables(table, bin=2, min_hits=100)
    cup = found.keywords[found.keywords["keyword"] == "cup"]
    assert cup["hits"].tolist() == [20, 80, 0]
    assert cup["share"].tolist() == pytest.approx([0.2, 0.8, 0.0])
    assert cup[["bin_first", "bin_last"]].values.tolist() == [[1, 2], [3, 4], [5, 5]]
    assert set(cup["total_hits"]) == {100}
    rare = found.keywords[found.keywords["keyword"] == "rare"]
    assert not rare["kept"].any()
    assert rare["share"].isna().all()
    spatial = found.lists[found.lists["keyword_list"] == "s"]
    assert spatial["share"].tolist() == pytest.approx([0.1, 0.4, 0.5])
    assert spatial[["keywords", "hits"]].values.tolist() == [[2, 20], [2, 80], [2, 1000]]
    empty = found.lists[found.lists["keyword_list"] == "t"]
    assert empty["share"].isna().all()
    assert set(empty["keywords"]) == {0}


def test_hits_a_layer_do_not_make_a_short_bin_look_empty() -> None:
    table = counts(s_cup=(20, 20, 20, 20, 20))
    assert frequency_tables(table, bin=2).lists["share"].tolist() == pytest.approx([0.4, 0.4, 0.2])
    even = frequency_tables(table, bin=2, per_layer=True).lists["share"]
    assert even.tolist() == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(("settings", "message"), [({"bin": 0}, "bin=0"), ({"min_hits": -1}, "min_hits=-1")])
def test_bad_sizes_are_refused(settings, message) -> None:
    with pytest.raises(RunError, match=message):
        frequency_tables(counts(s_cup=(1,)), **settings)
    with pytest.raises(RunError, match="no counts"):
        frequency_tables(counts())


def test_counts_are_those_of_the_lens() -> None:
    model = wb.load("mini/video-ft", device="cpu")
    samples = wb.samples("mini/action_sequence", limit=2)
    found: Any = wb.keyword_frequencies(model, samples, BUILT_IN["mini"], bin=2, min_hits=5, progress=False)
    lens: Any = wb.logit_lens(model, samples, top_k=1, keywords=BUILT_IN["mini"], progress=False).table
    expected = lens[lens["keyword"] != ""].groupby(["sample_id", "keyword", "layer"]).size()
    hits = found.counts[found.counts["hits"] > 0].set_index(["sample_id", "keyword", "layer"])["hits"]
    assert hits.sort_index().to_dict() == expected.to_dict()
    assert set(found.counts["rows"]) == {288}
    assert found.samples == 2
    assert found.rows == 576
    kept = found.table[found.table["kept"]]
    assert kept.groupby("keyword")["share"].sum().to_numpy() == pytest.approx(1)


def test_a_planted_word_is_found_in_its_layers_only(tmp_path) -> None:
    model = planted_model(staged(1, 3, 4))
    samples = [planted_sample(tmp_path, letter) for letter in "AB"]
    found: Any = wb.keyword_frequencies(
        model, samples, ANSWERS, rows="last", bin=1, min_hits=1, frames=N_FRAMES, progress=False
    )
    of_b = found.counts[(found.counts["sample_id"] == "planted/B") & (found.counts["keyword"] == "b")]
    assert of_b["hits"].tolist()[3:] == [1, 1, 1]
    assert found.tokens["matched"].tolist() == ["whole word"] * 2
    assert found.lists["share"].tolist()[3:] == pytest.approx([found.lists["share"].iloc[3]] * 3)


def test_a_stopped_count_goes_on(tmp_path, monkeypatch) -> None:
    model = planted_model(staged(1, 3, 4))
    shown = planted_sample(tmp_path, "A")
    samples = Samples([dataclasses.replace(shown, id=f"planted/{n}") for n in range(4)], name="planted")
    out = tmp_path / "run"
    ran: list[str] = []

    def run(**more):
        return wb.keyword_frequencies(
            model, samples, ANSWERS, rows="last", min_hits=1, frames=N_FRAMES, out=out, progress=False, **more
        )

    real = lens_module.read_layers

    def stops(model, prompt, *args, **more):
        if len(ran) == 2:
            raise RuntimeError("killed")
        ran.append("x")
        return real(model, prompt, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(lens_module, "read_layers", stops)
        with pytest.raises(RuntimeError, match="killed") as caught:
            run()
    assert "'planted/2'" in caught.value.__notes__[0]
    with monkeypatch.context() as patch:
        patch.setattr(lens_module, "read_layers", lambda *a, **k: ran.append("y") or real(*a, **k))
        found = run()
    assert ran == ["x", "x", "y", "y"]
    again = run(bin=1)  # how it is binned is no part of what was measured
    assert_frame_equal(found.counts, again.counts)
    assert_frame_equal(pd.read_parquet(out / "keyword_counts.parquet"), found.counts)
    with pytest.raises(RunError, match="final_norm"):
        run(final_norm=False)
