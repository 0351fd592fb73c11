"""Reading a model's answer: which letter it chose, or whether a token is the true word."""

from __future__ import annotations

import re
import unicodedata

from workbench.data.sample import LETTERS
from workbench.errors import SampleError, shown

# A letter counts where it stands alone: at the end, before ")" or another mark, or before a line break.
# "A red ball" is a text that begins with an article. The last five marks are those of Chinese text.
_ALONE = r"(?=\s*(?:$|[).:,;\]\"'*<\n）。．，：]))"
# The quantifiers that end in "+" give nothing back, so that no text takes more than linear time.
_OPENING = r"[\s(\[\"'*:（]*+"
_INTRODUCED = rf"\b(?i:answer|option|choice)\b\s*+(?i:(?:is|would be)\b)?{_OPENING}(?i:option\b{_OPENING})?"
_PATTERNS = tuple(
    re.compile(before + letter)
    for before in (rf"^{_OPENING}", _INTRODUCED)
    # Only "A" and "I" are words of their own: "B left" is a choice.
    for letter in (rf"([A-Za-z]){_ALONE}", r"([B-HJ-Z])(?=\s)")
)
_BRACKETS = re.compile(r"\(([A-Za-z])\)")
_MARKERS = ("▁", "Ġ", "Ċ", "##")
"""How tokenizers write a space, a line break or the inside of a word."""


def letter_of(text: str, n_options: int) -> str | None:
    """The option's letter that an answer names ("B", "(B)", "B.", " b) left", "Answer: B"), in upper case.

    None where the answer names no letter, a letter beyond the options, or cannot be told from ordinary words
    ("A red ball"). Raises SampleError unless 1 <= n_options <= 26.
    """
    if not 1 <= n_options <= len(LETTERS):
        raise SampleError(f"n_options is {shown(n_options)}: a question has 1 to {len(LETTERS)} options")
    letter = _named_letter(text)
    return letter if letter is not None and letter in LETTERS[:n_options] else None


def _named_letter(text: str) -> str | None:
    for pattern in _PATTERNS:
        found = pattern.search(text)
        if found:
            return found[1].upper()
    bracketed = {letter.upper() for letter in _BRACKETS.findall(text)}
    return bracketed.pop() if len(bracketed) == 1 else None


def same_word(token_text: str, word: str, *, prefix: bool = False) -> bool:
    """Whether a token says the first word of `word`, whatever the case, spaces and punctuation around it.

    With `prefix`, a token that only opens the word is enough (tokenizers may split it: "mov" for "moves").
    """
    true = _bare((word.split() or [""])[0])
    # Such a marker can also be a letter of its own (Maltese has "Ġ"), so the token counts as it is, too.
    said = {_bare(token_text.removeprefix(marker)) for marker in ("", *_MARKERS)} - {""}
    return any(true.startswith(text) if prefix else text == true for text in said)


def _bare(text: str) -> str:
    """Folded case, without spaces and punctuation at the ends; a text of punctuation alone is kept."""
    folded = unicodedata.normalize("NFC", text).casefold().strip()
    return folded.strip(".,:;!?\"'()[]*") or folded
