"""Words are found by what they say."""

from __future__ import annotations

import time

import pytest

from tests.models.hooks.cases import FAMILY_NAMES
from tests.tiny import tiny_model, tiny_prompt
from workbench.errors import SpanError, shown
from workbench.prompts.words import _bare, word_rows, words

FAMILIES = pytest.mark.parametrize("family", FAMILY_NAMES)


@FAMILIES
def test_words_are_found_whole_however_they_are_split(family) -> None:
    layout = tiny_prompt(tiny_model(family)).layout
    assert words(layout)[:7] == ["question", "which", "direction", "does", "the", "red", "circle"]
    for word, within in (("Direction", "question"), ("LEFT", "option[A]"), ("up", "option[C]")):
        rows = word_rows(layout, word, within)
        assert "".join(layout.tokens[row] for row in rows).strip(" ?").lower() == word.lower()
        assert set(rows) <= set(layout[within])
    with pytest.raises(SpanError, match="Did you mean 'circle'"):
        word_rows(layout, "circl")
    with pytest.raises(SpanError, match="no word"):
        word_rows(layout, " ?")


@pytest.mark.parametrize(
    "word", ["!" * 50_000 + "a" + "!" * 50_000, "a" + "!" * 100_000 + "a", "!" * 100_000], ids=shown
)
def test_long_runs_of_punctuation_take_linear_time(word: str) -> None:
    begin = time.process_time()
    assert _bare(word) == word.strip("!")
    assert time.process_time() - begin < 0.5
