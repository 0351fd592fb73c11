"""How lmms-eval (0.7) reads an option's letter out of written text, benchmark by benchmark.

Published scores hang on these rules as much as on models, so each is kept as it is, oddities included:
"Because it moves" is option B for LongVideoBench, and so is "Blue" for TVBench. Each function is named after
the task of lmms-eval whose utils.py it follows, and gives None where no option is read. Two of the rules draw
an option at random where they read none; here that is None, and so never right. Tests hold every rule against
what lmms-eval itself said of the same strings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from workbench.data.options import LETTERS

_FIVE = "ABCDE"
_ENDS = (",", ".", "!", "?", ";", ":", "'")
"""Taken off both ends of an answer, one after the other."""


def mvbench(text: str, options: Sequence[str]) -> str | None:
    """tasks/mvbench: the letter before a full stop that opens the text, else the first of A to E that stands
    alone once punctuation is gone, in any case: "a ball moves" is A."""
    text = text.strip()
    opening = re.fullmatch(r"([A-E])\.\s*.+", text, flags=re.IGNORECASE)
    found = opening or re.search(r"\b([A-E])\b", _without_marks(text), flags=re.IGNORECASE)
    return found[1].upper() if found else None


def _without_marks(text: str) -> str:
    """Marks go where one of their kind stands beside a space, and become spaces elsewhere (VQA's rule)."""
    text = text.replace("\n", " ").replace("\t", " ").strip()
    number = re.search(r"\d,\d", text) is not None
    found = text
    for mark in ';/[]"{}()=+\\_-><@`,?!':
        touches = f"{mark} " in text or f" {mark}" in text
        found = found.replace(mark, "" if touches or number else " ")
    return re.sub(r"\.(?!\d)", "", found, count=32)


def tvbench(text: str, options: Sequence[str]) -> str | None:
    """tasks/tvbench: the first letter that stands alone, in any case; else the letter that the text begins
    with, be it of a word; else the one option whose words are in the text."""
    letters = LETTERS[: max(len(options), 2)]
    shouted = text.strip().upper()
    for found in (re.search(r"\b([A-Z])\b", shouted), re.match(r"\s*[(\[]?([A-Z])", shouted)):
        if found and found[1] in letters:
            return found[1]
    said = _folded(text)
    there = [place for place, option in enumerate(options) if _folded(option) and _folded(option) in said]
    return letters[there[0]] if len(there) == 1 else None


def _folded(text: str) -> str:
    return " ".join(text.strip().lower().split())


_ANNOUNCING = (
    *(
        f"{subject} is"
        for noun in ("answer", "option", "choice")
        for subject in (f"the {noun}", noun, f"the correct {noun}", f"correct {noun}")
        if subject not in ("the option", "option")
    ),
    *(f"{best} {noun} is" for noun in ("answer", "option") for best in ("the best", "best")),
    *("i choose", "i select", "i pick", "my answer is", "my choice is"),
    *("옵션", "정답은", "답은", "답:", "答案是", "答案为", "选", "答えは"),
)
_SHAPES = (("({})", 6), ("{}.", 5), ("{}:", 4), ("{})", 3), ("{} ", 2))
"""How a letter may be written, and how much each way counts."""


def mcq(text: str, options: Sequence[str]) -> str | None:
    """tasks/_task_utils/mcq_extract.py (Video-MME): of all ways in which A to D are there, the one that
    counts most, and of these the last."""
    if not text.strip():
        return None
    bare = _stripped(text.strip(), (*_ENDS, '"'))
    text, bare = f" {bare} ", bare.strip()
    lowered, letters = text.lower(), _FIVE[:4]
    found: list[tuple[int, int, str]] = [  # what it counts, where, which letter
        (counts, text.rfind(shape.format(letter)), letter)
        for shape, counts in _SHAPES
        for letter in letters
        if shape.format(letter) in text
    ]
    for phrase in _ANNOUNCING:
        after = lowered.find(phrase)
        if after >= 0:
            places = ((text.find(letter, after + len(phrase)), letter) for letter in letters)
            found += [(7, place, letter) for place, letter in places if place >= 0]
    alone = len(bare) == 1
    found += [(10, 0, x) for x in letters if bare.startswith(x) and (alone or not bare[1].isalpha())]
    found += [
        (9, len(text) - 1, x) for x in letters if bare.endswith(x) and (alone or not bare[-2].isalpha())
    ]
    found = found or [(0, text.rfind(letter), letter) for letter in letters if letter in text]
    return max(found, key=lambda one: one[:2])[2] if found else None


def _stripped(text: str, marks: Sequence[str]) -> str:
    for mark in marks:
        text = text.strip(mark)
    return text


def egoschema(text: str, options: Sequence[str]) -> str | None:
    """tasks/egoschema: "(A)", "A " and "A.", and of several ways the first in the text; failing these, in
    more than five words, the option whose words come first. lmms-eval draws one at random where there is
    none."""
    text = f" {_stripped(text, _ENDS)} "
    written = [
        (text.rfind(form), letter)
        for shape in ("({})", "{} ", "{}.")
        for letter in _FIVE
        if (form := shape.format(letter)) in text
    ]
    found = written or _by_words(text, options)
    return min(found, key=lambda one: one[0])[1] if found else None


def tomato(text: str, options: Sequence[str]) -> str | None:
    """tasks/tomato: a capital letter of an option anywhere, also inside words; of several the last that
    stands in brackets, or the first of the alphabet where none does; then words as in `egoschema`, the last;
    and A where there is nothing at all."""
    text = f" {_stripped(text, _ENDS)} "
    written = [(text.rfind(f"({x})"), x) for x in LETTERS[: len(options)] if x in text]
    found = written or _by_words(text, options)
    return max(found, key=lambda one: one[0])[1] if found else "A"


def _by_words(text: str, options: Sequence[str]) -> list[tuple[int, str]]:
    """Where the words of options last stand in a text of more than five words, and their letters."""
    if len(text.split()) <= 5:
        return []
    said = text.lower()
    words = ((option.lower(), letter) for option, letter in zip(options, LETTERS, strict=False))
    return [(said.rfind(option), letter) for option, letter in words if option in said]


_LEADS = (
    *(f"The {best} {noun} is" for noun in ("answer", "option") for best in ("best", "correct")),
    *("The answer is", "The answer", "Best answer:", "Best option:"),
)


def longvideobench(text: str, options: Sequence[str]) -> str | None:
    """tasks/longvideobench: the first capital A to E anywhere, also inside a word, once "The answer is" and
    its kin are taken out. lmms-eval draws one at random where there is none."""
    text = text.strip()
    for lead in sorted(_LEADS, key=len, reverse=True):
        text = text.replace(lead, "")
    found = re.search("[A-E]", text)
    return found[0] if found else None


def vinoground(text: str, options: Sequence[str]) -> str | None:
    """tasks/vinoground: the first character of the text, in any case."""
    return text[0].upper() if text[:1].isalpha() else None


def minimal_video_pairs(text: str, options: Sequence[str]) -> str | None:
    """tasks/mvp: A or B at the end of a word, in any case, "Grab" too; the second where there are several."""
    found = re.findall(r"[ab]\b", text.lower())
    return found[:2][-1].upper() if found else None
