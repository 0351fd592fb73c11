"""Generated text, read against the truth.

How a letter is read out of an answer, in this order (`letter_said`):

1. What was thought aloud is no answer: <think>..</think> and its kin are taken out. A block without an end
   leaves nothing, an end without a beginning takes all before it. Full-width letters count as plain ones.
2. Where the answer is marked, <answer>..</answer> or \\boxed{..}, the last mark is all that counts.
3. Options that are only repeated, a line each, are left out; so is a letter behind a "not".
4. Two letters side by side ("A or B", "A, B", "A/B") are no answer.
5. A letter that opens the text, or that "answer", "option" or "choice" announces (`data.letter_of`).
6. The one letter that stands alone anywhere, in brackets or in capitals; "A" and "I" are words, so they need
   a word before them that announces them, and a mark or "is", "because", .. behind them.
7. The words of one option, if the text begins with them and goes on with a mark or not at all.

Anything else, refusals too, says nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from workbench.data import Sample, letter_of
from workbench.data.options import LETTERS
from workbench.spelling import nfc

_STRIPPED = ".,:;!?\"'()[]*"
_TAG = r"[<◁](?P<slash>/?)(?:think(?:ing)?|thought|reasoning|analysis)[>▷]"
_THOUGHT = re.compile(_TAG, flags=re.IGNORECASE)
_MARKED = (
    re.compile(r"<answer>(?P<said>[^<]*)(?:</answer>|\Z)", flags=re.IGNORECASE),
    re.compile(r"\\boxed\{(?:\\(?:text|mathrm|mathbf)\{)?(?P<said>[^{}]*)\}"),
)
_LISTED = re.compile(r"(?m)^[ \t*-]*\(?(?P<letter>[A-Z])[).:](?=[ \t]|$).*$")
_DENIED = re.compile(
    r"\b(?i:not|nor|neither|never|than|instead of|cannot be|\w{2,9}n['’]t(?: be)?)\s{1,3}"
    r"(?:(?i:option|choice|answer)\s{1,3})?\(?[A-Z]\b\)?"
)
_ONE = r"(?:(?i:option|choice)\s{1,3})?[(\[*]{0,3}(?P<%s>[A-Z])[)\].*]{0,3}"
_BESIDE = re.compile(
    rf"(?<![A-Za-z0-9'’]){_ONE % 'first'}\s{{0,3}}[,/&|\s]\s{{0,3}}(?i:(?:or|and|nor|oder|和|或)\s{{1,3}})?"
    rf"(?i:(?:maybe|perhaps|possibly)\s{{1,3}})?{_ONE % 'second'}"
    r"(?=\s*(?:[,./;!?&|]|$|(?i:or|and|are|is|seem|could|might)\b))"
)
_ALONE = (
    re.compile(r"[(\[](?P<letter>[A-Za-z])[)\]]"),
    re.compile(r"(?<![A-Za-z0-9'’-])(?P<letter>[B-HJ-Z])(?![A-Za-z0-9'’-])"),
    re.compile(
        r"\b(?i:(?:option|choice|answer)(?: is)?|choose|chose|pick|select|say|go with|it is|it.s|letter)"
        r"\s{1,3}[*\"']{0,2}"
        r"(?P<letter>[A-Z])(?=[*\"').,:;!?]|\s*$|\s{1,3}(?i:is|was|because|since|as|which|would|seems|best)\b)"
    ),
    re.compile(r"^\s*(?P<letter>[A-Z])\s{1,3}(?i:is|because|since|as)\b"),
    re.compile(r"(?<=[^\x00-\u02ff])(?P<letter>[A-Z])(?![A-Za-z0-9'’-])"),
)


def letter_said(text: str, options: Sequence[str]) -> str | None:
    """The letter of the option that a text chooses; None where it chooses none. The rules stand above."""
    said = _without_listed(_marked(_without_thoughts(unicodedata.normalize("NFKC", text))), len(options))
    said = _DENIED.sub(" ", said)
    letters = LETTERS[: len(options)]
    if any(
        {found["first"], found["second"]} <= set(letters) and found["first"] != found["second"]
        for found in _BESIDE.finditer(said)
    ):
        return None
    letter = letter_of(said, len(options))
    if letter is not None:
        return letter
    alone = {found["letter"].upper() for pattern in _ALONE for found in pattern.finditer(said)}
    if alone:
        return alone.pop() if len(alone) == 1 and alone <= set(letters) else None
    return _by_words(said, options)


def option_said(sample: Sample, text: str) -> str:
    """The option that a text chooses; the text itself where it chooses none."""
    letter = letter_said(text, sample.options)
    return text if letter is None else sample.options[sample.letters.index(letter)]


def is_right(sample: Sample, text: str) -> bool:
    """Whether a text gives the true answer: its option, or the words of an open answer first. False, too,
    where the answer is not known."""
    answer = sample.true_option or sample.open_answer or ""
    if sample.options:
        return bool(answer) and option_said(sample, text) == answer
    said, true = ([word.strip(_STRIPPED).casefold() for word in nfc(part).split()] for part in (text, answer))
    return bool(true) and said[: len(true)] == true


def _without_thoughts(text: str) -> str:
    """The text outside <think>..</think>."""
    kept, begin, inside = [], 0, False
    for tag in _THOUGHT.finditer(text):
        if tag["slash"]:
            if not inside:
                kept.clear()  # the prompt opened it
            inside = False
        elif not inside:
            kept.append(text[begin : tag.start()])
            inside = True
        begin = tag.end()
    return "".join(kept) if inside else "".join(kept) + text[begin:]


def _marked(text: str) -> str:
    for pattern in _MARKED:
        found = list(pattern.finditer(text))
        if found:
            return found[-1]["said"]
    return text


def _without_listed(text: str, n_options: int) -> str:
    """Without lines that repeat the options, where there is one for each of two or more letters."""
    lines = list(_LISTED.finditer(text))
    if len(lines) < min(2, n_options) or len({line["letter"] for line in lines}) < 2:
        return text
    return _LISTED.sub("", text)


def _by_words(text: str, options: Sequence[str]) -> str | None:
    said = " ".join(text.split()).strip(_STRIPPED + " ").casefold()
    for lead in ("the answer is ", "the correct answer is ", "answer: ", "it is ", "the best option is "):
        said = said.removeprefix(lead)
    fitting = []
    for place, option in enumerate(options):
        words = " ".join(unicodedata.normalize("NFKC", option).split()).strip(_STRIPPED + " ").casefold()
        if words and said.startswith(words) and said[len(words) :][:1] in ("", *_STRIPPED):
            fitting.append((len(words), LETTERS[place]))
    longest = [letter for length, letter in fitting if length == max(fitting)[0]]
    return longest[0] if len(longest) == 1 else None
