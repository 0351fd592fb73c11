"""How a question is put into words. Pure text: no model, no tokenizer, no special tokens.

A prompt is made of pieces, and each piece knows the spans that it belongs to. So spans are known from how the
text was built and never have to be searched for, however often an option's words come up elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from workbench.data.sample import Sample
from workbench.errors import PromptError, near_matches, shown


class Piece(NamedTuple):
    """A stretch of text and the names of the spans that it lies in."""

    text: str
    spans: tuple[str, ...] = ()


class CharRange(NamedTuple):
    """Characters `start` to `end` (not included) of a text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A way to ask. The text is
    `opening` `before_question` question [`before_options` option `between_options` option ..] `instruction`.
    """

    name: str
    description: str
    """One line for people."""
    opening: str = ""
    """Says what is to be done, before the question, with its line break."""
    before_question: str = ""
    """Opens the question, and is part of it ("Question: ")."""
    before_options: str = "\n"
    mark: tuple[str, str] = ("(", ") ")
    """What stands before and after an option's letter."""
    between_options: str = "\n"
    instruction: str = ""
    """What is said after the last option, with its line break."""
    answer_prefix: str = ""
    """Opens the answer, so that the next token is the letter."""
    takes_options: bool = True
    """False: for open-ended questions, whose stem opens the answer."""


STYLES: dict[str, Style] = {
    style.name: style
    for style in (
        Style(
            name="mvbench",
            description="MVBench, TVBench and Map the Flow: the answer opens with 'Best option:('",
            before_question="Question: ",
            before_options="\nOptions:\n",
            instruction="\nOnly give the best option.",
            answer_prefix="Best option:(",
        ),
        Style(
            name="letter",
            description="lmms-eval: options as 'A. ..', answered with the option's letter",
            mark=("", ". "),
            instruction="\nAnswer with the option's letter from the given choices directly.",
        ),
        Style(
            name="lmms_mvbench",
            description="lmms-eval's MVBench: 'Option:', the letter is left to the model",
            before_question="Question:",
            before_options="\nOption:\n",
            instruction="\nOnly give the best option.\n",
        ),
        Style(
            name="lmms_tvbench",
            description="lmms-eval's TVBench: 'Answer with the option letter only.'",
            mark=("", ". "),
            instruction="\nAnswer with the option letter only.",
        ),
        Style(
            name="videomme",
            description="Video-MME as its authors and lmms-eval ask it, answered after 'The best answer is:'",
            opening="Select the best answer to the following multiple-choice question based on the video and "
            "the subtitles. Respond with only the letter (A, B, C, or D) of the correct option.\n",
            mark=("", ". "),
            instruction="\nThe best answer is:",
        ),
        Style(
            name="lmms_videomme",
            description="lmms-eval's Video-MME by default: 'Answer with the option's letter ..'",
            opening="Select the best answer to the following multiple-choice question based on the video and "
            "the subtitles. Respond with only the letter (A, B, C, or D) of the correct option.\n",
            mark=("", ". "),
            instruction="\n\nAnswer with the option's letter from the given choices directly.",
        ),
        Style(
            name="lmms_mvp",
            description="lmms-eval's Minimal Video Pairs: answered with 'Answer: A/B'",
            before_question="Question: ",
            before_options="\nOption:\n",
            instruction=" \nEven when unsure, always answer with a single letter from A or B, format exactly "
            "like: 'Answer: A/B'.",
        ),
        Style(
            name="vinoground",
            description="Vinoground: the captions as options, 'Please only output one English character.'",
            mark=("", ". "),
            instruction="\nPlease only output one English character.",
        ),
        Style(
            name="open",
            description="no options: the question alone, the answer opened by the sample's stem",
            before_question="Question: ",
            takes_options=False,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptText:
    """What the user says after the video, and the words that open the answer."""

    pieces: tuple[Piece, ...]
    answer_prefix: str
    style: str

    @property
    def text(self) -> str:
        """All pieces in a row, without `answer_prefix`."""
        return "".join(piece.text for piece in self.pieces)

    def ranges(self) -> dict[str, tuple[CharRange, ...]]:
        """Where each span lies in `text`: pieces that touch are one range, so most spans have exactly one."""
        found: dict[str, list[CharRange]] = {}
        position = 0
        for piece in self.pieces:
            end = position + len(piece.text)
            for span in piece.spans:
                parts = found.setdefault(span, [])
                if parts and parts[-1].end == position:
                    parts[-1] = CharRange(parts[-1].start, end)
                else:
                    parts.append(CharRange(position, end))
            position = end
        return {span: tuple(parts) for span, parts in found.items()}


def build_prompt(
    sample: Sample, style: str | Style = "mvbench", *, times: Iterable[float] = ()
) -> PromptText:
    """The words for `sample`. Its texts are taken exactly as they are.

    Of its subtitles, the lines that are on the screen at one of the `times` of the frames, in seconds from
    the start of the file, come first (Video-MME, section 4; lmms-eval).

    Spans: `question` is one run from the first word of the question to the end of the last option.
    `nonoption` is the question alone. `option[A]`.. are the options with the marks of their letters.
    `true_option` and `false_options` are these pieces again, by what they say (absent where nobody knows).
    "Options:" lies in `question` only.

    Raises PromptError: no such style, or one that does not fit (options it would leave out, or none to show).
    """
    chosen = _style(style)
    if chosen.takes_options and not sample.options:
        raise PromptError(
            f"sample {shown(sample.id)} is open-ended, but the prompt style {chosen.name!r} shows options: "
            "use style 'open', or a sample with options"
        )
    if not chosen.takes_options and sample.options:
        raise PromptError(
            f"sample {shown(sample.id)} has {len(sample.options)} options, which the prompt style "
            f"{chosen.name!r} leaves out: use sample.open_ended(), or style 'mvbench' or 'letter'"
        )
    prefix = chosen.answer_prefix if chosen.takes_options else sample.stem or ""
    said = Piece(_subtitles(sample, tuple(times)))
    pieces = tuple(piece for piece in (said, *_pieces(sample, chosen)) if piece.text)
    return PromptText(pieces=pieces, answer_prefix=prefix, style=chosen.name)


def _subtitles(sample: Sample, times: Sequence[float]) -> str:
    """The lines on the screen at these times, each once."""
    if not sample.subtitles:
        return ""
    shown = [
        line.text
        for line in sample.subtitles
        if line.text.strip() and any(line.start <= time < line.end for time in times)
    ]
    lines = "\n".join(dict.fromkeys(shown)) or "No subtitles available"
    return f"This video's subtitles are listed below: \n{lines}\n"


def default_style(sample: Sample) -> str:
    """The style that fits: "mvbench" with options, "open" without."""
    return "mvbench" if sample.options else "open"


def _pieces(sample: Sample, style: Style) -> Iterator[Piece]:
    yield Piece(style.opening)
    yield Piece(style.before_question + sample.question, ("question", "nonoption"))
    before, after = style.mark
    for index, (letter, option) in enumerate(zip(sample.letters, sample.options, strict=True)):
        yield Piece(style.between_options if index else style.before_options, ("question",))
        truth = (
            () if sample.answer is None else ("true_option" if index == sample.answer else "false_options",)
        )
        yield Piece(f"{before}{letter}{after}{option}", ("question", f"option[{letter}]", *truth))
    yield Piece(style.instruction)


def _style(style: str | Style) -> Style:
    if isinstance(style, Style):
        return style
    check_style(style)
    return STYLES[style]


def check_style(style: str | None) -> None:
    """Raises PromptError for a prompt style that does not exist, before every sample fails on it."""
    if style is not None and not (isinstance(style, str) and style in STYLES):
        raise PromptError(
            f"The prompt style {shown(style)} does not exist.{near_matches(style, STYLES)} "
            f"Styles: {', '.join(STYLES)}."
        )
