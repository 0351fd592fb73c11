"""Attention maps of some samples as a page with pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny import tiny_model, tiny_prompt
from workbench.analyses.attention import AttentionMaps, maps_of_word
from workbench.interventions import Knockout
from workbench.pages import write_attention_maps


def two_maps() -> tuple[AttentionMaps, AttentionMaps]:
    model = tiny_model()
    cut = Knockout.parse("frames -> later frames in layers 1..4")
    return maps_of_word(model, tiny_prompt(model), cut, word="last", layers=[1, 2])


def test_ids_that_differ_in_punctuation_only_have_pictures_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.pages.drawing._draw", lambda fig, **size: b"\x89PNG")
    maps = two_maps()
    drawn = {"a/0": maps, "a_0": maps}
    page, *pictures = write_attention_maps(drawn, tmp_path, measured=3, table=tmp_path / "spans.csv")
    assert page == tmp_path / "attention_maps.html"
    assert len(set(pictures)) == 2
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (page, *pictures)}
    text = page.read_text(encoding="utf-8")
    assert "2 of 3 samples drawn; spans.csv has the numbers of all." in text
    assert "<h2>a/0</h2>" in text
    assert "Query: last" in text
