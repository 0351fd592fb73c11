"""One question about one clip. Every rule that makes a question usable is checked here, once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from workbench.data.options import LETTERS, Ambiguous, answer_index
from workbench.errors import SampleError, shown
from workbench.spelling import nfc
from workbench.typed import HIGHEST

ALL_TASKS = "all"
"""What tables call all tasks together; no task may have that name."""


class Subtitle(NamedTuple):
    """Words on the screen from `start` to `end`, in seconds from the start of the file."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question about one clip: multiple choice with `options`, or open-ended without.

    Raises SampleError where the fields contradict one another.
    """

    id: str
    """Unique in its data set: "moving_direction/clip_0001"."""
    task: str
    """The group that figures and tables gather by; no slash in it."""
    video: Path
    """A video file, or a folder of frames."""
    question: str
    """Kept as written. Whatever it says ("<video>", "</s>"), it is text and nothing else."""
    options: tuple[str, ...] = ()
    """The texts to choose from, without letters; empty for an open-ended question."""
    answer: int | None = None
    """Index of the true option, from 0; its text or letter is taken too. None where it is not known, or there
    are no options."""
    start: float | None = None
    """Seconds from the start of the file where the clip begins; None is the start of the file."""
    end: float | None = None
    """Seconds from the start of the file where the clip ends; None is the end of the file."""
    stem: str | None = None
    """Open-ended: the text that opens the answer ("The red circle moves")."""
    open_answer: str | None = None
    """Open-ended: the true word, or words, after the stem ("left")."""
    group: str | None = None
    """What it is scored together with: samples of one group are counterfactual twins."""
    facets: tuple[tuple[str, str], ...] = ()
    """Further names to break results down by, (name, value), sorted; a dict is taken too."""
    subtitles: tuple[Subtitle, ...] = ()
    """What is said in the clip; a prompt shows those lines that are on the screen with one of its frames."""

    place: int | None = dataclasses.field(default=None, compare=False)
    """Number of its entry in the annotations of its task, from 0; None where it has none. It tells apart what
    other tools know by number only, and is not part of what the sample is."""

    def __post_init__(self) -> None:
        self._check_types()
        # A frozen class may still tidy what it is given: paths as text and options in a list are usual.
        object.__setattr__(self, "video", Path(self.video))
        object.__setattr__(self, "options", tuple(self.options))
        facets = self.facets.items() if isinstance(self.facets, Mapping) else self.facets
        object.__setattr__(self, "facets", tuple(sorted((name, value) for name, value in facets)))
        object.__setattr__(self, "subtitles", tuple(Subtitle(*line) for line in self.subtitles))
        for name in ("id", "task"):  # by which samples are looked up and gathered: one spelling
            object.__setattr__(self, name, nfc(getattr(self, name)))
        if not self.id.strip():
            raise SampleError("the id is empty: give every sample a name of its own")
        if not self.task.strip():
            raise SampleError("the task is empty: give the group of the sample a name")
        if self.task.strip().casefold() == ALL_TASKS:
            raise SampleError(
                f"task {shown(self.task)} is what tables call all tasks together: give it another name"
            )
        if "/" in self.task:
            raise SampleError(
                f"task {shown(self.task)} contains a slash: use a plain name such as 'action_count'"
            )
        if not self.question.strip():
            raise SampleError("the question is empty: write what is asked")
        self._check_options()
        self._check_bounds()
        for field in ("id", "task", "question", "stem", "open_answer", "group"):
            _check_text(field, getattr(self, field))
        for text in (*sum(self.facets, ()), *(line.text for line in self.subtitles)):
            _check_text("a facet or subtitle", text)
        _check_text("video", str(self.video))
        for name in ("stem", "open_answer", "group"):
            text = getattr(self, name)
            if text is not None and not text.strip():
                raise SampleError(f"{name} is empty: write the words, or leave the field out")

    def _check_types(self) -> None:
        for name in ("id", "task", "question", "stem", "open_answer", "group"):
            text = getattr(self, name)
            if not isinstance(text, str) and (text is not None or name in ("id", "task", "question")):
                raise SampleError(f"{name} is {shown(text)}: it should be a text")
        if not isinstance(self.video, str | Path):
            raise SampleError(f"video is {shown(self.video)}: it should be a path")
        if isinstance(self.options, str) or not isinstance(self.options, Sequence):
            raise SampleError(f"options is {shown(self.options)}: it should be a list of texts")
        for option in self.options:
            if not isinstance(option, str):
                raise SampleError(f"option {shown(option)} is no text: write it in quotes")
        facets = self.facets.items() if isinstance(self.facets, Mapping) else self.facets
        if not isinstance(facets, Iterable) or any(not isinstance(pair, tuple | list) for pair in facets):
            raise SampleError(f"facets is {shown(self.facets)}: it should be a dict of names and values")
        if not all(isinstance(text, str) for pair in facets for text in pair) or any(
            len(pair) != 2 for pair in facets
        ):
            raise SampleError(
                f"facets is {shown(self.facets)}: it should be a dict of names and values, all texts"
            )
        if isinstance(self.subtitles, str) or not isinstance(self.subtitles, Sequence):
            raise SampleError(f"subtitles is {shown(self.subtitles)}: it should be a list of lines")
        for line in self.subtitles:
            _check_subtitle(line)
        if self.place is not None and (isinstance(self.place, bool) or not isinstance(self.place, int)):
            raise SampleError(f"place is {shown(self.place)}: the number of its entry, from 0")
        for name in ("start", "end"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise SampleError(f"{name} is {shown(value)}: seconds from the start of the file, 0 or more")

    def _check_options(self) -> None:
        count = len(self.options)
        if count == 1 or count > len(LETTERS):
            raise SampleError(
                f"{count} option{'s'[: count != 1]}: a multiple-choice question has 2 to {len(LETTERS)}"
            )
        seen: set[str] = set()
        for option in self.options:
            if not option.strip():
                raise SampleError("an option is empty: every option needs a text")
            _check_text("an option", option)
            if nfc(option.strip()) in seen:
                raise SampleError(
                    f"option {shown(option)} is there twice: the options of a question must differ"
                )
            seen.add(nfc(option.strip()))
        if self.answer is None:
            return
        if not count:
            raise SampleError(
                "there is an answer but no options: give options, or put the true words into open_answer"
            )
        if isinstance(self.answer, str):
            try:
                object.__setattr__(self, "answer", answer_index(self.answer, self.options))
            except Ambiguous as problem:
                raise SampleError(f"{str(problem).partition(': say with')[0]}: give its index") from None
        is_number = isinstance(self.answer, int) and not isinstance(self.answer, bool)
        if not is_number or not 0 <= self.answer < count:
            raise SampleError(
                f"answer {shown(self.answer)} is no index of the {count} options (0 to {count - 1})"
            )

    def _check_bounds(self) -> None:
        for name, value in (("start", self.start), ("end", self.end)):
            if value is not None and not 0 <= value <= HIGHEST:
                raise SampleError(f"{name} is {shown(value)}: seconds from the start of the file, 0 or more")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise SampleError(f"start {self.start:g} s is not before end {self.end:g} s: correct the bounds")

    @property
    def letters(self) -> tuple[str, ...]:
        """The options' letters in order, ("A", "B", ..); empty for an open-ended question."""
        return tuple(LETTERS[: len(self.options)])

    @property
    def true_letter(self) -> str | None:
        """Letter of the true option, None where there is none."""
        return None if self.answer is None else LETTERS[self.answer]

    @property
    def true_option(self) -> str | None:
        """Text of the true option, None where there is none."""
        return None if self.answer is None else self.options[self.answer]

    def open_ended(self) -> Sample:
        """The same question without its options, answered after `stem` ("Map the Flow", appendix C).

        Raises SampleError where the sample has no stem.
        """
        if self.stem is None:
            raise SampleError(
                f"sample {shown(self.id)} has no stem, so its answer cannot be opened: "
                "add 'stem' (and 'open_answer') to its annotation, or use another task"
            )
        return dataclasses.replace(self, options=(), answer=None)

    def asked(self, question: str, *, stem: str | None = None) -> Sample:
        """Another question about the same clip, open-ended, its answer opened by `stem`; the true words are
        not known. Raises SampleError for an empty one."""
        told = {"question": question, "stem": stem, "open_answer": None}
        return dataclasses.replace(self, options=(), answer=None, **told)


class Skipped(NamedTuple):
    """An annotation that could not be used, and why."""

    id: str
    reason: str


def _check_subtitle(line: object) -> None:
    """Raise SampleError unless it is (start, end, text) with two times in seconds."""
    times = line[:2] if isinstance(line, Sequence) and not isinstance(line, str) and len(line) == 3 else ()
    sound = all(
        isinstance(time, int | float) and not isinstance(time, bool) and abs(time) <= HIGHEST
        for time in times  # NaN is no more than anything
    )
    if len(times) != 2 or not sound or not isinstance(cast("Sequence[object]", line)[2], str):
        raise SampleError(f"subtitle {shown(line)} should be (start, end, text), times in seconds")


def _check_text(name: str, text: str | None) -> None:
    """Half a surrogate pair is valid JSON but no text: no tokenizer and no file can hold it."""
    if text is None:
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise SampleError(
            f"{name} holds a broken character at position {problem.start} (half of a surrogate pair): "
            "write the text again as UTF-8"
        ) from None
