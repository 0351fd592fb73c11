"""Keyword lists, and the tokens of real kinds of vocabulary that say their words."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import workbench as wb
from tests.tiny import tiny_model, tiny_sample
from workbench.analyses.lens.keywords import (
    BUILT_IN,
    MTF_SPATIAL,
    MTF_TEMPORAL,
    KeywordList,
    as_lists,
    keyword_lists,
    keywords_from,
    match_keywords,
    read_keywords,
    write_keywords,
)
from workbench.data import Samples
from workbench.errors import RunError


def spell(model, *texts: str) -> set[int]:
    """Ids of tokens that say exactly one of these texts."""
    return {id for id in range(len(model.tokenizer)) if model.token_text(id) in texts}


TABLE_D = {
    "spatial": "bag bed blank book box cabinet camera clothes cup door floor food glass laptop paper person "
    "phone sandwich table",
    "temporal": "close down drink eat hold on open put sit take throw tidy up",
}
"""Copied from the paper."""


def test_table_d_of_the_paper() -> None:
    for entry in (MTF_SPATIAL, MTF_TEMPORAL):
        assert list(entry.words) == TABLE_D[entry.name].split()


@pytest.mark.parametrize("family", ["llava_next_video", "llava_onevision", "qwen2_5_vl"])
def test_whole_words_in_every_spelling(family) -> None:
    """SentencePiece-like ("▁right") and byte-level ("Ġright") vocabularies."""
    model = tiny_model(family)
    (match,) = match_keywords(model, "Right")
    assert match.matched == "whole word"
    assert set(match.token_ids) == spell(model, "right", " right", "Right", " Right")
    assert {"right", " right"} <= set(match.tokens)
    (how,) = match_keywords(model, "how")  # the vocabulary has it with a capital only
    assert set(how.token_ids) == spell(model, "How", " How")
    assert how.matched == "whole word"


def test_other_words_and_phrases_go_by_their_first_sub_token() -> None:
    model = tiny_model("llava_onevision")
    longer, phrase, word = match_keywords(model, ["rightmost", "right now", "right"])
    assert longer.matched == phrase.matched == "first sub-token"
    assert word.matched == "whole word"
    starts = spell(model, "right", " right", "R")  # " R" is a space and "R"
    assert set(longer.token_ids) == starts
    assert " right" in phrase.tokens
    assert set(phrase.shared_with) == {"rightmost", "right"}


def test_a_word_that_this_vocabulary_cannot_write_is_refused() -> None:
    model = wb.load("mini/video-ft")
    assert all(match.matched == "whole word" for match in match_keywords(model, BUILT_IN["mini"]))
    with pytest.raises(RunError, match=r"'bag' of the list 'spatial' cannot be written"):
        match_keywords(model, MTF_SPATIAL)


def test_lists_are_tidied_and_checked() -> None:
    assert KeywordList(name="x", words=("Red ", "red", "Hold  On")).words == ("red", "hold on")
    assert [entry.name for entry in as_lists(["red", MTF_SPATIAL])] == ["spatial", "words"]
    for name, words in [("", ("a",)), ("x", ()), ("x", ("a", " "))]:
        with pytest.raises(RunError, match="not usable"):
            KeywordList(name=name, words=words)
    with pytest.raises(RunError, match="different names"):
        as_lists([MTF_SPATIAL, MTF_SPATIAL])


def some_samples() -> Samples:
    texts = [
        ("Took the cup.", "Closed the door."),
        ("Took the bag.", "Opened the door."),
        ("Took it.", "No."),
    ]
    made = [
        dataclasses.replace(tiny_sample(), id=f"t/{n}", task="t", options=options, answer=0)
        for n, options in enumerate(texts)
    ]
    return Samples(made, name="s")


def test_lists_from_a_data_sets_own_words(tmp_path: Path) -> None:
    (found,) = keywords_from(some_samples(), min_samples=2)
    assert (found.name, found.words) == ("options of t", ("took", "door"))
    (one,) = keywords_from(some_samples(), min_samples=1, most=4)
    assert one.words == ("took", "door", "bag", "closed")
    (asked,) = keyword_lists("questions", some_samples())
    assert asked.words == ("circle", "direction", "move", "red")
    path = write_keywords([found, MTF_TEMPORAL], tmp_path / "k.json")
    assert read_keywords(path) == keyword_lists(str(path)) == (found, MTF_TEMPORAL)
    with pytest.raises(RunError, match="No word occurs"):
        keywords_from(some_samples(), min_samples=9)


def test_names_and_files_that_are_no_lists_are_refused(tmp_path: Path) -> None:
    assert keyword_lists("mtf") == (MTF_SPATIAL, MTF_TEMPORAL)
    with pytest.raises(RunError, match="Did you mean 'mini'"):
        keyword_lists("minni")
    with pytest.raises(RunError, match="none were given"):
        keyword_lists("options")
    for content, message in [
        ("[1]", "must hold lists"),
        ("{", "cannot be read"),
        ('{"a": "b"}', "must hold"),
    ]:
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(RunError, match=message):
            keyword_lists(str(tmp_path / "bad.json"))
    with pytest.raises(RunError, match="cannot be read"):
        read_keywords(tmp_path / "none.json")
