"""Reading a model's answer: which letter it chose, or whether a token is the true word."""

from __future__ import annotations

import re

from workbench.data.options import LETTERS
from workbench.errors import SampleError, shown
from workbench.spelling import nfc

# A letter counts where it stands alone: at the end, before ")" or another mark, or before a line break.
# "A red ball" is a text that begins with an article; "A is .." and "A because .." are not, nor is "A" before
# a word of a script without articles.
_CLOSING = (  # Latin marks, those of Chinese and Japanese, closing quotes, those of Arabic and Hindi
    r".):,;!?\]}\"'*`<\n"
    "\uff09\u3002\uff0e\uff0c\uff1a\uff1b\uff01\uff1f\u3001\u3011\u300d\u300f\u300b"
    "\u201d\u2019\u00bb\u060c\u061b\u061f\u0964"
)
_LETTERS_WITHOUT_ARTICLES = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_ALONE = rf"(?=\s*(?:$|[{_CLOSING}])|\s+(?:because|since|is|was)\b|\s+[{_LETTERS_WITHOUT_ARTICLES}])"
# The quantifiers that end in "+" give nothing back, so that no text takes more than linear time.
_OPENING = r"[\s(\[{\"'*`:>=\-" + "\u2013\u2014\uff08\uff1a\u3010\u300c\u300e\u300a\u201c\u2018\u00ab]*+"
_NOUNS = (
    "answer|option|choice|respuesta|opción|réponse|choix|antwort|resposta|opção|alternativa|risposta|opzione|"
    "ответ|вариант|الإجابة|الجواب|उत्तर|विकल्प"
)
_IS = r"(?:(?:correcta|correcte|correta|corretta)?\s*+(?:is|would be|es|est|ist|é|è)|correcta|correta)\b"
_INTRODUCED = rf"\b(?i:{_NOUNS})(?!\w)\s*+(?i:{_IS})?{_OPENING}(?i:(?:the|la|die|option)\b{_OPENING}){{0,3}}+"
# Scripts without spaces between words: what follows the letter may touch it.
_TOUCHING = (
    r"(?<![不没別别非])(?:答案|选项|選項|选择|選擇|选|選|回答|正解|答え|選択肢|정답|답|선택)"
    rf"(?:应该|應該|应|應|就)?+(?:是|为|為|選|选|は|은|는)?+{_OPENING}"
)
_PATTERNS = (
    *(
        re.compile(before + letter)
        for before in (rf"^{_OPENING}", _INTRODUCED)
        # Only "A" and "I" are words of their own: "B left" is a choice.
        for letter in (rf"([A-Za-z]){_ALONE}", r"([B-HJ-Z])(?=\s)")
    ),
    re.compile(rf"{_TOUCHING}([A-Za-z])(?![A-Za-z'])"),
    re.compile(r"\\boxed\{\s*+(?:\\text\{)?\s*+\(?([A-Za-z])\)?\s*+\}"),
)
_BRACKETS = re.compile("[(\uff08]([A-Za-z])[)\uff09]")
_MARKERS = ("▁", "Ġ", "Ċ", "##")
"""How tokenizers write a space, a line break or the inside of a word."""


def letter_of(text: str, n_options: int) -> str | None:
    """The option's letter that an answer names ("B", "(B)", "B.", " b) left", "Answer: B"), in upper case.

    Also with the punctuation of other scripts, and after "answer" or "option" in some other languages. None
    where the answer names no letter, a letter beyond the options, or cannot be told from ordinary words
    ("A red ball"). Raises SampleError unless 1 <= n_options <= 26.
    """
    if not isinstance(n_options, int) or not 1 <= n_options <= len(LETTERS):
        raise SampleError(f"n_options is {shown(n_options)}: a question has 1 to {len(LETTERS)} options")
    letter = _named_letter(text)
    return letter if letter is not None and letter in LETTERS[:n_options] else None


def _named_letter(text: str) -> str | None:
    text = nfc(text)
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
    folded = nfc(text).casefold().strip()
    return folded.strip(".,:;!?\"'()[]*") or folded
