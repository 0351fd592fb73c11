"""Which rows of a prompt are a word."""

from __future__ import annotations

import re

import numpy as np

from workbench.errors import PromptError, SpanError, near_matches, shown
from workbench.prompts.layout import TokenLayout
from workbench.shapes import Int, shaped
from workbench.spelling import nfc

_CORE = re.compile(r"\w(?:.*\w)?", flags=re.DOTALL)
"""From the first letter or digit to the last; in linear time, since ".*" starts at the end."""


@shaped
def word_rows(layout: TokenLayout, word: str, within: str = "question") -> Int[np.ndarray, " n"]:
    """Rows of the first place where `word` stands in the span `within`, whole and in any case.

    A word that the tokenizer splits gives several rows. Raises SpanError where the span lacks the word, with
    the words that it has, PromptError where the layout knows no token texts.
    """
    wanted = _bare(word)
    if not wanted:
        raise SpanError(f"{shown(word)} is no word. Name a word of the prompt, such as 'move'.")
    for rows in words_of(layout, within):
        if _bare("".join(layout.tokens[row] for row in rows)) == wanted:
            return np.asarray(rows, dtype=np.int64)
    known = words(layout, within)
    raise SpanError(
        f"The word {shown(word)} is not in {within!r} of this prompt.{near_matches(wanted, known)} "
        f"Its words are: {', '.join(known)}."
    )


def words(layout: TokenLayout, within: str = "question") -> list[str]:
    """The different words of a span, in lower case, in reading order."""
    texts = (_bare("".join(layout.tokens[row] for row in rows)) for rows in words_of(layout, within))
    return [text for text in dict.fromkeys(texts) if text]


def words_of(layout: TokenLayout, within: str) -> list[list[int]]:
    """The rows of a span, gathered by word; punctuation that has a token of its own is a word too."""
    if not layout.tokens:
        raise PromptError("This layout knows no token texts, so no word can be found. Name rows or a span.")
    rows = layout[within].tolist()
    # Tokenizers of whole words write no spaces: there each token stands alone.
    spaced = any(layout.tokens[row][:1].isspace() for row in layout["text"])
    found: list[list[int]] = []
    for row in rows:
        before = found[-1][-1] if found else None
        inside = before is not None and row == before + 1 and layout.tokens[before][-1:].isalnum()
        glued = spaced and inside and layout.tokens[row][:1].isalnum()
        if glued:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _bare(text: str) -> str:
    found = _CORE.search(nfc(text))
    return found[0].casefold() if found else ""
