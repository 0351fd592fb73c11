"""Which option an annotation's answer means: by its text, its letter or its index."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Literal, get_args

from workbench.errors import SampleError, near_matches, shown
from workbench.spelling import nfc

LETTERS = string.ascii_uppercase
"""Letters that options are called by; a question has at most this many options."""
Answers = Literal["text", "letter", "index"]
"""What the answers of a list are: texts of options, their letters, or their indices from 0."""


class Ambiguous(SampleError):
    """An answer that means one option as a text, and another one as a letter or an index."""


def check_answers(answers: Answers | None) -> None:
    """Raises SampleError for a reading of answers that does not exist."""
    known = get_args(Answers)
    if answers is not None and answers not in known:
        raise SampleError(
            f"answers is {shown(answers)}: it is one of {', '.join(map(repr, known))}, or left out"
            f".{near_matches(answers, known)}"
        )


def text_index(answer: str, options: Sequence[str]) -> int:
    """Index of the option that says `answer`, whatever the spaces around it. Raises SampleError."""
    # No options at all is for Sample to refuse: it says what an open-ended question needs instead.
    found = _by_text(answer, options)
    if found is None and options:
        raise SampleError(f"answer {shown(answer)} is not one of the options {shown(list(options))}")
    return found or 0


def answer_index(answer: object, options: Sequence[str], answers: Answers | None = None) -> int:
    """Index of the option that a user's `answer` means: a text, a letter, or an index from 0.

    Raises Ambiguous where two readings differ and `answers` does not choose: 3 among "2", "3", "4", "5" is
    the second by its text, the last by its index. Raises SampleError where it means none.
    """
    if isinstance(answer, bool):
        raise SampleError(f"answer {answer} is no index, letter or text of {shown(list(options))}")
    if not isinstance(answer, str | int | float):
        raise SampleError(
            f"answer is {shown(answer)}: it should be the text of an option, its letter, or its index from 0"
        )
    readings: dict[Answers, int | None] = {
        "text": _by_text(answer, options),
        "letter": _by_letter(answer, options),
        "index": _by_index(answer, asked=answers == "index"),
    }
    if answers is not None:
        found = readings[answers]
        if found is None and options:
            raise SampleError(f"answer {shown(answer)} is no {answers} of the options {shown(list(options))}")
        return found or 0
    possible = {name: index for name, index in readings.items() if index is not None}
    if len(set(possible.values())) > 1:
        ways = ", ".join(f"{shown(_said(index, options))} as {name}" for name, index in possible.items())
        choose = " or ".join(f"answers={name!r}" for name in possible)
        raise Ambiguous(
            f"answer {shown(answer)} of the options {shown(list(options))} can be read in two ways "
            f"({ways}): say with {choose} which it is"
        )
    for index in possible.values():
        return index
    if isinstance(answer, float):
        raise SampleError(f"answer is {shown(answer)}: an index is a whole number, and no option says it")
    return text_index(str(answer), options)


def _by_text(answer: object, options: Sequence[str]) -> int | None:
    """A number is the text of an option that is the same number."""
    for index, option in enumerate(options):
        if isinstance(answer, str):
            same = nfc(option.strip()) == nfc(answer.strip())
        else:
            same = _number(option) == answer
        if same:
            return index
    return None


def _by_letter(answer: object, options: Sequence[str]) -> int | None:
    letter = answer.strip().upper() if isinstance(answer, str) else ""
    return LETTERS.index(letter) if len(letter) == 1 and letter in LETTERS[: len(options)] else None


def _by_index(answer: object, *, asked: bool) -> int | None:
    """A text of digits is an index only where that is asked for; the index may lie outside the options."""
    if asked and isinstance(answer, str) and answer.strip().isdecimal() and len(answer) < 10:
        return int(answer)
    if isinstance(answer, float):  # an empty cell makes pandas turn a column of indices into floats
        return int(answer) if answer.is_integer() else None
    return answer if isinstance(answer, int) else None


def _number(text: str) -> float | None:
    try:
        return float(text) if len(text) < 40 else None
    except ValueError:
        return None


def _said(index: int, options: Sequence[str]) -> str:
    return options[index] if 0 <= index < len(options) else "no option"
