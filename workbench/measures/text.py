"""Generated text, read against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.spelling import nfc

if TYPE_CHECKING:
    from workbench.data import Sample

_STRIPPED = ".,:;!?\"'()[]*"


def option_said(sample: Sample, text: str) -> str:
    """The option whose letter a text names; the text itself where it names none."""
    from workbench.data import letter_of

    letter = letter_of(text, len(sample.options))
    return text if letter is None else sample.options[sample.letters.index(letter)]


def is_right(sample: Sample, text: str) -> bool:
    """Whether a text gives the true answer: its option, or the words of an open answer first. False, too,
    where the answer is not known."""
    answer = sample.true_option or sample.open_answer or ""
    if sample.options:
        return bool(answer) and option_said(sample, text) == answer
    said, true = ([word.strip(_STRIPPED).casefold() for word in nfc(part).split()] for part in (text, answer))
    return bool(true) and said[: len(true)] == true
